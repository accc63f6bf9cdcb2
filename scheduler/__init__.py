"""When things happen: jobs and the clockwork that runs them.

jobs        one file, one job
registry    what a job is, what it is given, and how jobs are found
runner      the clockwork: runs jobs at their times, and drains them when it stops
"""
