using VhostSwitch.Interop.Rig;
using Xunit;

namespace VhostSwitch.Interop;

/// <summary>
/// A DPDK program has two ports on the switch and sends out of each what it receives on the other. A first burst goes round for
/// ever: a frame that the switch loses is missing from then on, and a queue that stalls stops the counters.
/// </summary>
public sealed class TestpmdClosedLoopTests : InteropTest
{
    private const string MacA = "52:54:00:00:00:0a";
    private const string MacB = "52:54:00:00:00:0b";

    /// <summary>More frames than any ring has entries, several times over: every index wraps.</summary>
    private const int RingsToFill = 40;

    private static readonly int[] FrameSizes = [64, 128, 256, 512, 1024, 1280, 1518];

    /// <summary>Mergeable, queue size, queue pairs, the segments of a frame, the guest's buffer size.</summary>
    public static TheoryData<bool, int, int, string, int> Cases()
    {
        const int usualBuffer = 2176;
        const int jumboBuffer = 10240;
        TheoryData<bool, int, int, string, int> cases = [];
        if (!FullRun.Requested)
        {
            // One of each value, the edges together.
            cases.Add(false, 256, 1, "64", usualBuffer);
            cases.Add(true, 256, 1, "64", usualBuffer);
            cases.Add(false, 1024, 2, "1518", usualBuffer);
            cases.Add(true, 1024, 2, "1518", usualBuffer);
            cases.Add(true, 256, 1, "2000,2000,2000,2000,1000", usualBuffer);
            cases.Add(true, 1024, 2, "9000", jumboBuffer);
            return cases;
        }
        foreach (int queueSize in (int[])[256, 1024])
        {
            foreach (int queuePairs in (int[])[1, 2])
            {
                foreach (bool mergeable in (bool[])[false, true])
                {
                    foreach (int size in FrameSizes)
                        cases.Add(mergeable, queueSize, queuePairs, $"{size}", usualBuffer);
                    // The same frame from several buffers.
                    cases.Add(mergeable, queueSize, queuePairs, "64,100,800", usualBuffer);
                }
                // A frame of 9000 bytes that the guest's buffers hold whole, and one that takes five of them.
                cases.Add(true, queueSize, queuePairs, "9000", jumboBuffer);
                cases.Add(true, queueSize, queuePairs, "2000,2000,2000,2000,1000", usualBuffer);
            }
        }
        return cases;
    }

    /// <summary>Packed, in-order, vectorised, mergeable, queue pairs.</summary>
    public static TheoryData<bool, bool, bool, bool, int> RingKinds()
    {
        TheoryData<bool, bool, bool, bool, int> kinds = [];
        foreach (int queuePairs in (int[])[1, 4])
        {
            // All combinations; what DPDK does not vectorise it does without.
            for (int bits = 0; bits < 16; bits++)
            {
                if (FullRun.Requested || (queuePairs == 1 && (bits & 4) == 0) || bits is 0b1111 or 0b0001)
                    kinds.Add((bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0, queuePairs);
            }
        }
        return kinds;
    }

    [Theory]
    [MemberData(nameof(RingKinds))]
    public Task FramesGoRoundOnEveryKindOfRing(bool packed, bool inOrder, bool vectorised, bool mergeable, int queuePairs) =>
        GoRound(new("", "") { Packed = packed, InOrder = inOrder, Vectorized = vectorised, Mergeable = mergeable, Queues = queuePairs }, [64], 2176);

    [Theory]
    [MemberData(nameof(Cases))]
    public Task FramesGoRoundWithoutLoss(bool mergeable, int queueSize, int queuePairs, string segments, int bufferSize) =>
        GoRound(new("", "") { Mergeable = mergeable, QueueSize = queueSize, Queues = queuePairs }, [.. segments.Split(',').Select(int.Parse)], bufferSize);

    private async Task GoRound(VirtioUserPort port, int[] segmentLengths, int bufferSize)
    {
        int queueSize = port.QueueSize, queuePairs = port.Queues;
        string[] sockets = [Folder.File("a"), Folder.File("b")];
        SwitchProcess vhostSwitch = await StartSwitchAsync(new() { Sockets = sockets, Mergeable = port.Mergeable });
        Testpmd guest = await StartTestpmdAsync(new()
        {
            Ports = [port with { Path = sockets[0], Mac = MacA }, port with { Path = sockets[1], Mac = MacB }],
            Peers = [MacB, MacA],
            Queues = queuePairs,
            Descriptors = queueSize,
            SegmentLengths = segmentLengths,
            MbufSize = bufferSize,
        });
        // virtio_user enables its second pair of queues last and does not wait for it; what comes before is rightly discarded.
        await vhostSwitch.WaitForStatusAsync(
            status => status.Ports.All(port => port.Queues.Count(queue => queue.Enabled) == 2 * queuePairs), "all queues enabled");
        await guest.StartForwardingAsync(txFirst: true);

        int enough = RingsToFill * queueSize * queuePairs;
        IReadOnlyList<TestpmdCounters> counters = [];
        await Until.TrueAsync(
            async () => (counters = await guest.ShowCountersAsync()).All(port => port.ReceivedFrames > enough),
            Limits.Step,
            $"both ports of testpmd receive {enough} frames",
            () => string.Join('\n', counters));
        await guest.StopForwardingAsync();
        counters = await guest.ShowCountersAsync();

        // What testpmd has sent, the switch has taken; what it took from one port it gave to the other, and dropped nothing.
        SwitchStatus status = await vhostSwitch.WaitForStatusAsync(
            status => status.PortAt(sockets[0]).FramesFromGuest >= counters[0].SentFrames
                && status.PortAt(sockets[1]).FramesFromGuest >= counters[1].SentFrames,
            "all frames that testpmd has sent");
        Assert.Empty(status.Drops());
        SwitchStatus.Port[] ports = [.. sockets.Select(status.PortAt)];
        for (int i = 0; i < ports.Length; i++)
        {
            SwitchStatus.Port at = ports[i];
            Assert.True(at.IsUp, at.Status);
            Assert.Equal(port.Mergeable, at.Features.Contains("MRG_RXBUF"));
            Assert.Equal(port.Packed, at.Features.Contains("RING_PACKED"));
            Assert.Equal(port.InOrder, at.Features.Contains("IN_ORDER"));
            Assert.Equal(2 * queuePairs, at.Queues.Count(queue => queue.Enabled));
            Assert.All(at.Queues.Where(queue => queue.Enabled), queue => Assert.Equal(queueSize, queue.Size));
            Assert.Equal(counters[i].SentFrames, at.FramesFromGuest);
            Assert.Equal(at.FramesFromGuest, ports[1 - i].FramesToGuest);
            Assert.InRange(counters[i].ReceivedFrames, enough, at.FramesToGuest);
            Assert.Equal(segmentLengths.Sum() * counters[i].ReceivedFrames, counters[i].ReceivedBytes);
            Assert.Equal((0, 0, 0), (counters[i].ReceivedErrors, counters[i].ReceivedMissed, counters[i].SentErrors));
        }
        Assert.Equal([MacA, MacB], status.Addresses.Select(address => address.Mac).Order());

        await guest.QuitAsync();
        await vhostSwitch.StopAsync();
    }
}
