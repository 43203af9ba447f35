// Every test starts programs that poll a core each. Two at once on two cores would measure the scheduler.
[assembly: Xunit.CollectionBehavior(DisableTestParallelization = true)]
