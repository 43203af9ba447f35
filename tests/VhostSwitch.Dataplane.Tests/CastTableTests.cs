namespace VhostSwitch.Dataplane.Tests;

public sealed class CastTableTests
{
    // With two casts each more than a switch makes while it runs.
    private const int Types = 400;

    [Fact]
    public void GrownItHasRoomForTheCastsOfThreadsThatAllocateNothing()
    {
        CastTable.Grow();
        Type[] types = [.. typeof(object).Assembly.GetExportedTypes().Where(type => type.IsClass && !type.ContainsGenericParameters).Take(Types)
            .Select(type => type.MakeArrayType())];
        object[] asked = [Array.Empty<CastTableTests>(), Array.Empty<CastTableTests[]>()];
        int instances = 0;
        long before = GC.GetAllocatedBytesForCurrentThread();
        foreach (var type in types)
            instances += (type.IsInstanceOfType(asked[0]) ? 1 : 0) + (type.IsInstanceOfType(asked[1]) ? 1 : 0);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        // None, but for object[] and the like.
        Assert.InRange(instances, 0, 10);
    }
}
