// Every test here runs poll threads. Two at once would measure the scheduler.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
