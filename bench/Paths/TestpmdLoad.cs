using System.Diagnostics;
using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Bench.Paths;

/// <summary>DPDK's testpmd as both guests, mac forwarding: the first burst goes round and round, 64 frames in flight.</summary>
internal sealed class TestpmdLoad() : Load(
    "testpmd guests",
    "DPDK testpmd with two virtio_user ports, mac forwarding, closed loop of 64 frames: measures round trips as much as throughput")
{
    private const string FirstMac = "00:01:02:03:04:05", SecondMac = "00:01:02:03:04:06";

    public override async Task<LoadResult> RunAsync(TestFolder folder, (string First, string Second) sockets, Settings settings, Func<Task> inspect)
    {
        await using var guest = Testpmd.Start(folder, new TestpmdOptions
        {
            Title = "testpmd guests",
            Core = LoadCore,
            HugePages = true,
            SegmentLengths = [settings.Frames.Single],
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
        return new LoadResult((after - before) / seconds / 1e6, null, null, null);

        VirtioUserPort Port(string socket, string mac) =>
            new(socket, mac) { Mergeable = settings.Mergeable, Packed = settings.Packed, InOrder = settings.InOrder };
    }

    private static long Received(IReadOnlyList<TestpmdCounters> counters) => counters.Sum(c => c.ReceivedFrames);
}
