namespace VhostSwitch.Linux.Tests;

public sealed class CpuAffinityAllTests
{
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
