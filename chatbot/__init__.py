"""Where people talk: the entry point and the composition root.

cli             the command line: demo, run, replay, doctor
serve           the long-running engine
demo            a whole engine on an invented market, in the terminal
replay_command  a grid on candles from a file, and its report
doctor          what is configured, what is reachable, what is wrong
app             everything made once and handed to whoever needs it
choice          which chats to start
venues          which exchange adapters to use, with which keys
tenancy         one engine per exchange account
surroundings    what the engine asks of chats and files
recording       which recorded market to play, and when
folders         the files of one home directory
heartbeat       the sign of life in a file
logbook         the program's own log, read back
trade_log       one row per fill, for spreadsheets
platform        what every chat is to the rest, and its errors
rendering       from a reply to messages that fit
push            notices on their way to people
platforms       the chats themselves, one file or package each
charts          numbers drawn as pictures
"""
