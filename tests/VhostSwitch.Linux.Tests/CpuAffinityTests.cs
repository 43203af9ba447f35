namespace VhostSwitch.Linux.Tests;

public sealed class CpuAffinityTests
{
    [Fact]
    public void AThreadCanBeKeptOnAProcessorItMayRunOn()
    {
        int[] allowed = CpuAffinity.Current();
        Assert.NotEmpty(allowed);
        int[]? pinned = null, present = null, after = null;
        var thread = new Thread(() =>
        {
            CpuAffinity.Pin(allowed[^1]);
            pinned = CpuAffinity.Current();
            present = CpuAffinity.Present();
            after = CpuAffinity.Current();
        });
        thread.Start();
        thread.Join();
        Assert.Equal([allowed[^1]], pinned!);
        // It could be kept on any other, and is not.
        Assert.Subset(present!.ToHashSet(), allowed.ToHashSet());
        Assert.Equal(pinned, after);
    }

    [Fact]
    public void AThreadThatIsNotThereRunsNowhereAndIsNotMoved()
    {
        const int nobody = int.MaxValue;
        Assert.Null(CpuAffinity.Of(nobody));
        Assert.False(CpuAffinity.TryPin(nobody, [0]));
    }

    [Fact]
    public void PinsEveryThreadButThoseOfAName()
    {
        int[] all = CpuAffinity.Current();
        using var pinned = new Barrier(3);
        using var moved = new Barrier(3);
        var seen = new Dictionary<string, int[]>();
        Thread[] threads = [.. new[] { "stays-1", "moves-1" }.Select(name => new Thread(() =>
        {
            CpuAffinity.Pin(all[0]);
            pinned.SignalAndWait();
            moved.SignalAndWait();
            lock (seen) seen[name] = CpuAffinity.Current();
        })
        { Name = name })];
        foreach (var thread in threads)
            thread.Start();
        pinned.SignalAndWait();
        CpuAffinity.PinAllBut("stays-", all);
        moved.SignalAndWait();
        foreach (var thread in threads)
            thread.Join();
        Assert.Equal([all[0]], seen["stays-1"]);
        Assert.Equal(all, seen["moves-1"]);
    }
}
