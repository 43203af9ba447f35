// Several tests poll a core or two each. Two at once would measure the scheduler.
[assembly: Xunit.CollectionBehavior(DisableTestParallelization = true)]
