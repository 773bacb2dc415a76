"""What a process of the suite sees that is wrong with its neighbours: the servers, the queues and the jobs.

`examination.examine` looks; `python -m penstock_runtime.doctor` prints what it found, as JSON.
"""
