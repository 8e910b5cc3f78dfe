"""A run: one training in one folder.

The run itself:
- training_run: what a main does with a run, step by step.
- plan: the steps of its evaluations and of its end.
- loop: trains and evaluates as planned.
- hooks, threshold_stop: the hooks that its settings ask for.
- nan_recovery, rate_change: a rate that was halved, or differs from before.

What it prints:
- console, progress: the start, each evaluation, the end; a bar or lines.
- durations: seconds as people say them.
- user_errors: errors that the user can correct, each as one line.

What it writes to its folder:
- folder, config: the lock, the owner, config.json.
- tensorboard, predictions, parameters: event files, predictions.npz, a count.

What other commands do with it:
- rerun: runs its main again.
"""
