using System.Diagnostics;
using VhostSwitch.Interop.Rig;
using VhostSwitch.Packets;
using VhostSwitch.Virtio;
using VhostSwitch.VirtioUser;

namespace VhostSwitch.Bench.Paths;

/// <summary>What one run of a load came to.</summary>
/// <param name="Mpps">Million frames a second that arrived at the guests, both directions added.</param>
/// <param name="Lost">Frames lost; null where the load cannot tell.</param>
/// <param name="Changed">Frames with a wrong byte; null where the load does not look.</param>
internal sealed record LoadResult(double Mpps, ulong? Lost, ulong? Changed);

/// <summary>Two guests on one core that exchange frames through a contender.</summary>
internal abstract class Load(string name, string what)
{
    /// <summary>The core of every load.</summary>
    public const int LoadCore = 1;

    protected const string FirstMac = "00:01:02:03:04:05";
    protected const string SecondMac = "00:01:02:03:04:06";

    public string Name { get; } = name;

    public string What { get; } = what;

    /// <summary>Runs the load and measures in the middle of it.</summary>
    /// <param name="folder">For its files.</param>
    /// <param name="sockets">The guests' sockets.</param>
    /// <param name="settings">The case.</param>
    /// <param name="inspect">Called while frames flow, after the measurement.</param>
    public abstract Task<LoadResult> RunAsync(TestFolder folder, (string First, string Second) sockets, Settings settings, Func<Task> inspect);
}

/// <summary>A case: what the guests negotiate and send.</summary>
internal sealed record Settings(int FrameSize, bool Mergeable, bool Packed, bool InOrder, double WarmUpSeconds, double Seconds)
{
    /// <summary>The kind of ring, in words.</summary>
    public string Ring => $"{(Packed ? "packed" : "split")} ring{(InOrder ? " in order" : "")}";

    /// <summary>What the guests take beside the usual.</summary>
    public Features Features =>
        Features.Version1 | (Mergeable ? Features.MrgRxbuf : 0) | (Packed ? Features.RingPacked : 0) | (InOrder ? Features.InOrder : 0);
}

/// <summary>DPDK's testpmd as both guests, mac forwarding: the first burst goes round and round, 64 frames in flight.</summary>
internal sealed class TestpmdLoad() : Load("testpmd guests", "DPDK testpmd with two virtio_user ports, mac forwarding, closed loop of 64 frames: measures round trips as much as throughput")
{
    public override async Task<LoadResult> RunAsync(TestFolder folder, (string First, string Second) sockets, Settings settings, Func<Task> inspect)
    {
        await using var guest = Testpmd.Start(folder, new TestpmdOptions
        {
            Title = "testpmd guests",
            Core = LoadCore,
            HugePages = true,
            SegmentLengths = [settings.FrameSize],
            Ports = [Port(sockets.First, FirstMac), Port(sockets.Second, SecondMac)],
            Peers = [SecondMac, FirstMac],
        });
        await guest.WaitUntilReadyAsync();
        await guest.StartForwardingAsync(txFirst: true);
        await Task.Delay(TimeSpan.FromSeconds(settings.WarmUpSeconds));
        long start = Stopwatch.GetTimestamp();
        long before = Received(await guest.ShowCountersAsync());
        await Task.Delay(TimeSpan.FromSeconds(settings.Seconds));
        long after = Received(await guest.ShowCountersAsync());
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        await inspect();
        await guest.QuitAsync();
        return new LoadResult((after - before) / seconds / 1e6, null, null);

        Interop.Rig.VirtioUserPort Port(string socket, string mac) => new(socket, mac) { Mergeable = settings.Mergeable, Packed = settings.Packed, InOrder = settings.InOrder };
    }

    private static long Received(IReadOnlyList<TestpmdCounters> counters) => counters.Sum(c => c.ReceivedFrames);
}

/// <summary>Our own driver as both guests on one thread: 128 frames in flight each way, numbered and checked.</summary>
internal sealed class LeanLoad() : Load("lean guests", "two virtio-net drivers on one thread, 128 frames in flight each way, two memory regions a guest, each frame's number and length checked, each 1024th byte for byte")
{
    public override async Task<LoadResult> RunAsync(TestFolder folder, (string First, string Second) sockets, Settings settings, Func<Task> inspect)
    {
        var macs = (First: MacAddress.Parse(FirstMac), Second: MacAddress.Parse(SecondMac));
        using var first = new VirtioUser.VirtioUserPort(Options(sockets.First, macs.First));
        using var second = new VirtioUser.VirtioUserPort(Options(sockets.Second, macs.Second));
        first.Start();
        second.Start();
        var options = new DemoGuestOptions { FrameLengths = [settings.FrameSize], Window = 128, VerifyEvery = 1024 };
        using var pair = new DemoGuestPair(new DemoGuest(first, macs.Second, options), new DemoGuest(second, macs.First, options));
        pair.StartOnOneThread(LoadCore);
        if (!pair.WaitUntilAcquainted(TimeSpan.FromSeconds(20))) throw new TimeoutException("the lean guests have not heard of each other");
        // A contender that does not offer the ring would be measured with another one.
        var missing = settings.Features & ~first.Features & (Features.RingPacked | Features.InOrder | Features.MrgRxbuf);
        if (missing != 0) throw new NotSupportedException($"{string.Join(", ", FeatureNames.Of(missing))} is not offered");
        await Task.Delay(TimeSpan.FromSeconds(settings.WarmUpSeconds));
        long start = Stopwatch.GetTimestamp();
        ulong before = pair.Received;
        await Task.Delay(TimeSpan.FromSeconds(settings.Seconds));
        ulong after = pair.Received;
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        await inspect();
        pair.Finish();
        DemoGuest[] guests = [pair.First, pair.Second];
        return new LoadResult((after - before) / seconds / 1e6, guests.Aggregate(0UL, (sum, g) => sum + g.Lost),
            guests.Aggregate(0UL, (sum, g) => sum + g.Changed + g.OutOfOrder));

        VirtioUserOptions Options(string path, MacAddress mac) => new()
        {
            Path = path,
            Mac = mac,
            MemoryRegions = 2,
            Features = settings.Features,
        };
    }
}
