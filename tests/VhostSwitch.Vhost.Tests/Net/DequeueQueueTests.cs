using VhostSwitch.Dataplane;
using VhostSwitch.Packets;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.Vhost.Tests.Net;

public sealed unsafe class DequeueQueueTests
{
    private static readonly MacAddress To = MacAddress.Parse("02:00:00:00:00:01");
    private static readonly MacAddress From = MacAddress.Parse("02:00:00:00:00:02");

    [Theory]
    [InlineData(16)]
    [InlineData(60)]
    [InlineData(64)]
    [InlineData(1518)]
    [InlineData(9000)]
    [InlineData(65535)]
    public void LendsAFrameWhereItLies(int length)
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        byte[] frame = Frame(1, length);
        rig.Ring.Describe(5, rig.Put(rig.WithHeader(frame)), (uint)(rig.HeaderLength + length));
        rig.Ring.Offer(5);
        queue.Receive(rig.Burst);
        Assert.Equal(1, rig.Burst.Count);
        Assert.Equal(frame, Loan.Bytes(rig.Burst, 0));
        Assert.Equal(0, rig.Ring.UsedIndex);
        queue.Return(rig.Burst);
        Assert.Equal(1, rig.Ring.UsedIndex);
        Assert.Equal(new UsedElement { Id = 5, Length = 0 }, rig.Ring.UsedAt(0));
    }

    [Fact]
    public void ReturnsABurstInTheOrderItTookIt()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        OfferFrames(rig, [9, 3, 200, 0]);
        queue.Receive(rig.Burst);
        queue.Return(rig.Burst);
        Assert.Equal([9u, 3u, 200u, 0u], Enumerable.Range(0, 4).Select(i => rig.Ring.UsedAt(i).Id));
    }

    [Fact]
    public void TakesNoMoreThanABurst()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        OfferFrames(rig, [.. Enumerable.Range(0, 100).Select(i => (ushort)i)]);
        int[] counts = [.. Enumerable.Range(0, 5).Select(_ => Pass(queue, rig))];
        Assert.Equal([32, 32, 32, 4, 0], counts);
        Assert.Equal(100, rig.Ring.UsedIndex);
    }

    [Fact]
    public void GoesOnWhereTheIndexWrapsAround()
    {
        using var rig = new RingRig(size: 8, first: 65530);
        var queue = rig.Dequeue();
        for (int round = 0; round < 20; round++)
        {
            OfferFrames(rig, [(ushort)(round % 8), (ushort)((round + 1) % 8)]);
            Assert.Equal(2, Pass(queue, rig));
            Assert.Equal((uint)((round + 1) % 8), rig.Ring.UsedAt((65530 + (2 * round) + 1) & 0xffff).Id);
        }
        Assert.Equal(unchecked((ushort)(65530 + 40)), rig.Ring.UsedIndex);
        Assert.Equal(unchecked((ushort)(65530 + 40)), queue.Base);
        Assert.Equal(RingFault.None, queue.Fault);
    }

    [Fact]
    public void LooksEmptyFromAnEmptyBurstToTheNextFrame()
    {
        using var rig = new RingRig(size: 8, first: 65530);
        var queue = rig.Dequeue();
        Assert.False(queue.LooksEmpty);
        for (int round = 0; round < 20; round++)
        {
            Assert.Equal(0, Pass(queue, rig));
            Assert.True(queue.LooksEmpty);
            OfferFrames(rig, [(ushort)(round % 8)]);
            Assert.False(queue.LooksEmpty);
            Assert.Equal(1, Pass(queue, rig));
            Assert.False(queue.LooksEmpty);
        }
    }

    [Fact]
    public void RunsSixtyFiveThousandTimesRoundARing()
    {
        using var rig = new RingRig(size: 2);
        var queue = rig.Dequeue();
        OfferFrames(rig, [0]);
        for (int i = 0; i < 66_000; i++)
        {
            if (i > 0) rig.Ring.Offer(0);
            Assert.Equal(1, Pass(queue, rig));
        }
        Assert.Equal(unchecked((ushort)66_000), rig.Ring.UsedIndex);
    }

    [Fact]
    public void Cve20222132TakesAHeaderInSingleBytesOverTwelveDescriptors()
    {
        using var rig = new RingRig(Features.Version1 | Features.Csum);
        var queue = rig.Dequeue();
        byte[] frame = Frame(7, 100);
        ulong at = rig.Put(rig.WithHeader(frame, new NetHeader { Flags = NetHeader.NeedsCsum, CsumStart = 34, CsumOffset = 6 }));
        rig.Ring.DescribeChain(0, 0, [.. Enumerable.Range(0, 12).Select(i => (at + (ulong)i, 1u)), (at + 12, 100u)]);
        rig.Ring.Offer(0);
        queue.Receive(rig.Burst);
        Assert.Equal(frame, Loan.Bytes(rig.Burst, 0));
        Assert.Equal((NetHeader.NeedsCsum, 34, 6), (rig.Burst.Frames[0].Offload.Flags, rig.Burst.Frames[0].Offload.CsumStart, rig.Burst.Frames[0].Offload.CsumOffset));
    }

    [Fact]
    public void TakesAFrameInSingleBytes()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        byte[] frame = Frame(8, 64);
        ulong at = rig.Put(rig.WithHeader(frame));
        rig.Ring.DescribeChain(0, 0, [.. Enumerable.Range(0, 76).Select(i => (at + (ulong)i, 1u))]);
        rig.Ring.Offer(0);
        queue.Receive(rig.Burst);
        Assert.Equal(frame, Loan.Bytes(rig.Burst, 0));
    }

    [Fact]
    public void TakesAHeaderAndAFrameThatShareADescriptorInTheMiddle()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        byte[] frame = Frame(9, 64);
        ulong at = rig.Put(rig.WithHeader(frame));
        rig.Ring.DescribeChain(0, 0, (at, 5u), (at + 5, 12u), (at + 17, 59u));
        rig.Ring.Offer(0);
        queue.Receive(rig.Burst);
        Assert.Equal(frame, Loan.Bytes(rig.Burst, 0));
    }

    [Fact]
    public void Cve20166490PassesOverDescriptorsWithoutLengthInAChainThatEnds()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        byte[] frame = Frame(10, 64);
        ulong at = rig.Put(rig.WithHeader(frame));
        rig.Ring.DescribeChain(0, 0, (0xdead_0000, 0u), (at, 12u), (0ul, 0u), (at + 12, 64u), (0xdead_0000, 0u));
        rig.Ring.Offer(0);
        queue.Receive(rig.Burst);
        Assert.Equal(frame, Loan.Bytes(rig.Burst, 0));
    }

    [Fact]
    public void TakesAFrameThatCrossesRegions()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        byte[] frame = Frame(11, 1500);
        foreach (ulong before in new ulong[] { 1, 6, 12, 13, 20, 27, 28, 29, 700, 1511 })
        {
            ulong at = RingRig.Boundary - before;
            rig.Memory.Write(at, rig.WithHeader(frame));
            rig.Ring.Describe(0, at, 1512);
            rig.Ring.Offer(0);
            queue.Receive(rig.Burst);
            Assert.Equal(frame, Loan.Bytes(rig.Burst, 0));
            queue.Return(rig.Burst);
        }
    }

    [Fact]
    public void TakesAnIndirectTableThatCrossesRegions()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        byte[] frame = Frame(12, 300);
        ulong at = rig.Put(rig.WithHeader(frame));
        // Before, across in the middle of an entry, and behind.
        foreach (ulong before in new ulong[] { 16, 24, 32, 40, 47 })
        {
            ulong table = RingRig.Boundary - before;
            rig.Ring.DescribeIndirect(table, 0, at, 12, Descriptor.HasNext, 2);
            rig.Ring.DescribeIndirect(table, 2, at + 12, 100, Descriptor.HasNext, 1);
            rig.Ring.DescribeIndirect(table, 1, at + 112, 200);
            rig.Ring.Describe(3, table, 48, Descriptor.Indirect);
            rig.Ring.Offer(3);
            queue.Receive(rig.Burst);
            Assert.Equal(1, rig.Burst.Count);
            Assert.Equal(frame, Loan.Bytes(rig.Burst, 0));
            queue.Return(rig.Burst);
        }
        Assert.Equal(RingFault.None, queue.Fault);
    }

    [Fact]
    public void TakesDirectDescriptorsBeforeAnIndirectTable()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        byte[] frame = Frame(13, 100);
        ulong at = rig.Put(rig.WithHeader(frame)), table = rig.Allocate(16);
        rig.Ring.DescribeIndirect(table, 0, at + 12, 100);
        rig.Ring.Describe(0, at, 12, Descriptor.HasNext, 1);
        rig.Ring.Describe(1, table, 16, Descriptor.Indirect | Descriptor.Write);
        rig.Ring.Offer(0);
        queue.Receive(rig.Burst);
        Assert.Equal(frame, Loan.Bytes(rig.Burst, 0));
    }

    [Fact]
    public void TakesAnIndirectChainLongerThanAShortRing()
    {
        // Windows drivers make them, although the specification forbids it.
        using var rig = new RingRig(size: 16);
        var queue = rig.Dequeue();
        byte[] frame = Frame(14, 500);
        ulong at = rig.Put(rig.WithHeader(frame)), table = rig.Allocate(513 * 16);
        rig.Ring.DescribeIndirect(table, 0, at, 12, Descriptor.HasNext, 1);
        for (int i = 0; i < 500; i++)
            rig.Ring.DescribeIndirect(table, 1 + i, at + 12 + (ulong)i, 1, (ushort)(i < 499 ? Descriptor.HasNext : 0), (ushort)(2 + i));
        rig.Ring.Describe(0, table, 501 * 16, Descriptor.Indirect);
        rig.Ring.Offer(0);
        queue.Receive(rig.Burst);
        Assert.Equal(frame, Loan.Bytes(rig.Burst, 0));
    }

    [Fact]
    public void LeavesAFrameThatDoesNotFitBesideOthersForTheNextBurst()
    {
        using var rig = new RingRig(size: 4096);
        var queue = rig.Dequeue();
        byte[] frame = Frame(15, 1000);
        ulong at = rig.Put(rig.WithHeader(frame));
        // Four frames of some 900 segments each; a burst has room for 2048.
        for (int f = 0; f < 4; f++)
        {
            rig.Ring.DescribeChain(f * 1000, 0, [.. Enumerable.Range(0, 912).Select(i => (at + (ulong)i, 1u)), (at + 912, 100u)]);
            rig.Ring.Offer((ushort)(f * 1000));
        }
        queue.Receive(rig.Burst);
        Assert.Equal(2, rig.Burst.Count);
        Assert.Equal(frame, Loan.Bytes(rig.Burst, 0));
        Assert.Equal(frame, Loan.Bytes(rig.Burst, 1));
        queue.Return(rig.Burst);
        queue.Receive(rig.Burst);
        Assert.Equal(2, rig.Burst.Count);
        Assert.Equal(frame, Loan.Bytes(rig.Burst, 1));
        queue.Return(rig.Burst);
        Assert.Equal(4, rig.Ring.UsedIndex);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(13)]
    public void DropsARunt(int length)
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        rig.Ring.Describe(0, rig.Put(new byte[rig.HeaderLength + length]), (uint)(rig.HeaderLength + length));
        rig.Ring.Offer(0);
        queue.Receive(rig.Burst);
        Assert.Equal(DropReason.Runt, Loan.Dropped(rig.Burst, 0));
        queue.Return(rig.Burst);
        Assert.Equal(1, rig.Ring.UsedIndex);
        Assert.Equal(RingFault.None, queue.Fault);
    }

    [Theory]
    [InlineData(14)]
    [InlineData(15)]
    public void ZeroesTheSnapshotBehindAFrameShorterThanIt(int length)
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        ulong at = rig.Put([.. new byte[rig.HeaderLength], .. Enumerable.Repeat((byte)0xee, 40)]);
        rig.Ring.Describe(0, at, (uint)(rig.HeaderLength + length));
        rig.Ring.Offer(0);
        queue.Receive(rig.Burst);
        Assert.Null(Loan.Dropped(rig.Burst, 0));
        byte[] snapshot = new byte[16];
        System.Runtime.Intrinsics.Vector128.CopyTo(rig.Burst.Frames[0].Snapshot, snapshot);
        Assert.Equal([.. Enumerable.Repeat((byte)0xee, length), .. new byte[16 - length]], snapshot);
    }

    [Fact]
    public void DropsAFrameThatIsTooLong()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        uint most = (uint)(rig.HeaderLength + Ethernet.MaxFrameLength);
        ulong at = rig.Allocate(most + 1);
        rig.Ring.Describe(0, at, most);
        rig.Ring.Describe(1, at, most + 1);
        rig.Ring.Offer(0, 1);
        queue.Receive(rig.Burst);
        Assert.Null(Loan.Dropped(rig.Burst, 0));
        Assert.Equal(DropReason.Oversize, Loan.Dropped(rig.Burst, 1));
        queue.Return(rig.Burst);
        Assert.Equal(2, rig.Ring.UsedIndex);
    }

    [Fact]
    public void TakesAndDropsTheFramesOfADisabledRing()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue(enabled: false);
        OfferFrames(rig, [0, 1, 2]);
        queue.Receive(rig.Burst);
        Assert.All(Enumerable.Range(0, 3), i => Assert.Equal(DropReason.QueueDisabled, Loan.Dropped(rig.Burst, i)));
        queue.Return(rig.Burst);
        Assert.Equal(3, rig.Ring.UsedIndex);
    }

    [Fact]
    public void ReadsALegacyHeaderOfTenBytes()
    {
        using var rig = new RingRig(Features.None);
        Assert.Equal(10, rig.HeaderLength);
        var queue = rig.Dequeue();
        byte[] frame = Frame(16, 64);
        rig.Ring.Describe(0, rig.Put(rig.WithHeader(frame)), 74);
        rig.Ring.Offer(0);
        queue.Receive(rig.Burst);
        Assert.Equal(frame, Loan.Bytes(rig.Burst, 0));
    }

    [Fact]
    public void IgnoresTheHeaderOfAGuestThatTookNoOffload()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        rig.Ring.Describe(0, rig.Put(rig.WithHeader(Frame(1, 60), new NetHeader { Flags = 0xff, GsoType = 0xff, CsumStart = 60_000 })), 72);
        rig.Ring.Offer(0);
        queue.Receive(rig.Burst);
        Assert.Null(Loan.Dropped(rig.Burst, 0));
        Assert.Equal(default, rig.Burst.Frames[0].Offload);
    }

    [Fact]
    public void AnnouncesTheGuestBeforeItsNextFrame()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        queue.Announce(From.Value);
        Assert.True(queue.HasFrames());
        OfferFrames(rig, [3]);
        queue.Receive(rig.Burst);
        Assert.Equal(2, rig.Burst.Count);
        byte[] expected = new byte[ReverseArp.Length];
        ReverseArp.Write(expected, From);
        Assert.Equal(expected, Loan.Bytes(rig.Burst, 0));
        queue.Return(rig.Burst);
        Assert.Equal(1, rig.Ring.UsedIndex);
        Assert.Equal(3u, rig.Ring.UsedAt(0).Id);
        Assert.False(queue.HasFrames());
    }

    [Fact]
    public void AnnouncesAGuestThatSendsNothing()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        queue.Announce(From.Value);
        Assert.Equal(1, Pass(queue, rig));
        Assert.Equal(0, Pass(queue, rig));
        Assert.Equal(0, rig.Ring.UsedIndex);
    }

    private static int Pass(InputQueue queue, RingRig rig)
    {
        queue.Receive(rig.Burst);
        queue.Return(rig.Burst);
        return rig.Burst.Count;
    }

    private static void OfferFrames(RingRig rig, ReadOnlySpan<ushort> heads)
    {
        foreach (ushort head in heads)
            rig.Ring.Describe(head, rig.Put(rig.WithHeader(Frame(head, 60))), (uint)(rig.HeaderLength + 60));
        rig.Ring.Offer(heads);
    }

    private static byte[] Frame(ulong number, int length)
    {
        byte[] frame = NumberedFrame.Make(To, From, number, Math.Max(length, NumberedFrame.MinLength));
        return frame[..length];
    }
}
