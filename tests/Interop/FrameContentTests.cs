using System.Runtime.Intrinsics.X86;
using VhostSwitch.Interop.Content;
using VhostSwitch.Interop.Rig;
using VhostSwitch.Packets;
using VhostSwitch.Virtio;
using VhostSwitch.VirtioUser;
using Xunit;
using DpdkPort = VhostSwitch.Interop.Rig.VirtioUserPort;

namespace VhostSwitch.Interop;

/// <summary>
/// Every byte of every frame, there and back: our driver sends numbered frames of random bytes through vhost-switch to DPDK's
/// driver, which swaps their addresses and sends them back.
/// </summary>
public sealed class FrameContentTests : InteropTest
{
    private const string OurMac = "52:54:00:00:00:0a";
    private const string DpdkMac = "52:54:00:00:00:0b";
    private const int RingSize = 256;

    /// <summary>DPDK's headroom in front of the data of every buffer.</summary>
    private const int Headroom = 128;

    /// <summary>In mergeable receive buffers of this size most frames need two, and jumbo frames up to seven.</summary>
    private const int SmallBuffer = 1024;

    private const int Seed = 1;

    private static readonly int FrameCount = FullRun.Requested ? 200_000 : 20_000;

    /// <summary>What DPDK's port is: packed, in order, mergeable, vectorised, queue pairs.</summary>
    public static TheoryData<bool, bool, bool, bool, int> Ports()
    {
        TheoryData<bool, bool, bool, bool, int> ports = [];
        foreach (int queuePairs in (int[])[1, 4])
        {
            for (int bits = 0; bits < 16; bits++)
            {
                (bool packed, bool inOrder, bool mergeable, bool vectorised) = ((bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0);
                bool chosen = queuePairs == 1
                    ? !vectorised || VectorisedPaths(packed, inOrder, mergeable).Length > 0
                    : bits is 0b0100 or 0b0001 or 0b1111;
                if (chosen || FullRun.Requested)
                    ports.Add(packed, inOrder, mergeable, vectorised, queuePairs);
            }
        }
        return ports;
    }

    [Theory]
    [MemberData(nameof(Ports))]
    public async Task EveryByteComesBack(bool packed, bool inOrder, bool mergeable, bool vectorised, int queuePairs)
    {
        string ours = Folder.File("ours"), theirs = Folder.File("theirs");
        SwitchProcess vhostSwitch = await StartSwitchAsync(new() { Sockets = [ours, theirs], Mergeable = mergeable });
        Testpmd dpdk = await StartTestpmdAsync(new()
        {
            Ports = [new DpdkPort(theirs, DpdkMac) { Packed = packed, InOrder = inOrder, Mergeable = mergeable, Vectorized = vectorised, Queues = queuePairs }],
            ForwardMode = "macswap",
            Queues = queuePairs,
            Descriptors = RingSize,
            MbufSize = Headroom + (mergeable ? SmallBuffer : 2048),
            // What comes in while forwarding starts is not thrown away.
            MoreOptions = ["--port-topology=loop", "--no-flush-rx", .. mergeable ? (string[])["--enable-scatter"] : []],
        });
        if (vectorised && Avx512F.IsSupported)
        {
            foreach (string path in VectorisedPaths(packed, inOrder, mergeable))
                await dpdk.WaitForDriverPathAsync(path);
        }

        // Ours has jumbo frames only where a frame may have several buffers on the way back.
        RandomFrames frames = new(MacAddress.Parse(DpdkMac), MacAddress.Parse(OurMac), FrameCount, Seed, jumbo: mergeable && queuePairs == 1);
        using IFrameEnd end = queuePairs == 1
            ? new OwnDriver(OwnOptions(ours, mergeable, eventIndex: packed))
            : new ManyPairGuest(ours, queuePairs);
        await vhostSwitch.WaitForStatusAsync(
            status => status.Ports.All(port => port.IsUp && port.Queues.Count(queue => queue.Enabled) == 2 * queuePairs), "all queues enabled");
        await dpdk.StartForwardingAsync();

        RoundTrip roundTrip = new(end, frames)
        {
            Window = (queuePairs == 1 ? RingSize : ManyPairGuest.RingSize) * 3 / 8,
            BufferBytes = (mergeable ? SmallBuffer : 2048) - NetHeader.Size,
        };
        try
        {
            await Task.Run(roundTrip.Run);
        }
        catch (RigException e)
        {
            // Where the frames stopped, in everybody's own numbers.
            throw new RigException(e.Message, await vhostSwitch.StatusAsync(), (await dpdk.ShowCountersAsync())[0]);
        }
        await dpdk.StopForwardingAsync();
        TestpmdCounters counters = (await dpdk.ShowCountersAsync())[0];
        Assert.Equal((FrameCount, FrameCount), (counters.ReceivedFrames, counters.SentFrames));
        SwitchStatus status = await vhostSwitch.WaitForStatusAsync(
            status => status.PortAt(ours).FramesToGuest >= FrameCount && status.PortAt(ours).FramesFromGuest >= FrameCount, "all frames");
        Assert.Empty(status.Drops());
        foreach (SwitchStatus.Port port in status.Ports)
        {
            Assert.True(port.IsUp, port.Status);
            Assert.Equal((FrameCount, FrameCount), (port.FramesToGuest, port.FramesFromGuest));
            // All pairs had their share.
            Assert.All(port.Queues.Where(queue => queue.Enabled), queue => Assert.Equal(FrameCount / queuePairs, queue.Frames));
        }
        string[] features = [.. status.PortAt(theirs).Features];
        Assert.Equal((packed, inOrder, mergeable), (features.Contains("RING_PACKED"), features.Contains("IN_ORDER"), features.Contains("MRG_RXBUF")));
    }

    private static VirtioUserOptions OwnOptions(string path, bool mergeable, bool eventIndex) => new()
    {
        Path = path,
        Mac = MacAddress.Parse(OurMac),
        QueueSize = RingSize,
        MemoryRegions = 3,
        GuestPhysicalStart = 0x1000_0000,
        Features = Features.Version1 | (mergeable ? Features.MrgRxbuf : 0) | (eventIndex ? Features.EventIdx : 0),
    };

    /// <summary>What DPDK 22.11 does with vectors in a port that asks for it, in its own words.</summary>
    private static string[] VectorisedPaths(bool packed, bool inOrder, bool mergeable) => (packed, inOrder, mergeable) switch
    {
        (true, true, false) => ["packed ring vectorized Tx", "packed ring vectorized Rx"],
        (true, true, true) => ["packed ring vectorized Tx"],
        (false, false, false) => ["vectorized Rx"],
        _ => [],
    };
}
