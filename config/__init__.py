"""What the operator decides: settings, secrets, logs and language.

load         the one way from files and overrides to checked settings
schema       the whole of the settings, as one frozen value
trading      settings of exchange, grid, pairs, risk and simulated money
agents       settings of learning, sentiment, language model and their watchers
service      settings of chat, alerts, logs, jobs, storage and cache
kinds        the kinds of value a setting may hold, and how to say what is accepted
document     YAML without surprises
environment  variables of the process and of `.env`
diagnosis    from a failed validation to problems an operator understands
problems     what is wrong with a configuration: Problem and ConfigError
secrets      keys and tokens that cannot be printed by accident
logs         the program's log, without secrets
language     the language each person is spoken to in
catalogue    translations read from `.po` files
template     the list of texts to translate
handbook     what `default.yaml` says of every setting
paths        where Batuta keeps its files
"""
