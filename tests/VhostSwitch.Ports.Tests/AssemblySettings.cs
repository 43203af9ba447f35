// The tests count the descriptors and mappings of this process.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
