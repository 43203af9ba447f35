using VhostSwitch.Vhost.Net;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Split;
using static VhostSwitch.Virtio.Descriptor;

namespace VhostSwitch.Vhost.Tests.Net;

/// <summary>How a transmit ring breaks, by which number, and that it stays broken.</summary>
public sealed unsafe class DequeueFaultTests
{
    private const uint Good = 72;

    [Theory]
    [InlineData(257)]
    [InlineData(40_000)]
    [InlineData(65_535)]
    public void Cve20165403AnIndexTooFarAheadBreaksTheRing(int ahead)
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        rig.Ring.AvailableIndex = (ushort)ahead;
        Breaks(rig, queue, RingFault.IndexTooFarAhead, (ulong)ahead, before: 0);
    }

    [Fact]
    public void AnIndexAsFarAheadAsTheRingIsLongIsAFullRing()
    {
        using var rig = new RingRig(size: 4);
        var queue = rig.Dequeue();
        for (ushort i = 0; i < 4; i++)
            rig.Ring.Describe(i, RingRig.HighStart, Good);
        rig.Ring.Offer(0, 1, 2, 3);
        queue.Receive(rig.Burst);
        Assert.Equal(4, rig.Burst.Count);
        Assert.Equal(RingFault.None, queue.Fault);
    }

    [Theory]
    [InlineData(256)]
    [InlineData(65_535)]
    public void AHeadThatIsNotThereBreaksTheRing(int head)
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        rig.Ring.Describe(0, RingRig.HighStart, Good);
        rig.Ring.Offer(0, (ushort)head, 0);
        Breaks(rig, queue, RingFault.DescriptorOutOfRange, (ulong)head, before: 1);
    }

    [Fact]
    public void AChainThatGoesOnWhereNothingIsBreaksTheRing()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        rig.Ring.Describe(0, RingRig.HighStart, Good, HasNext, 256);
        rig.Ring.Offer(0);
        Breaks(rig, queue, RingFault.DescriptorOutOfRange, 256, before: 0);
    }

    [Theory]
    [InlineData(16, 72u, 515u)]
    [InlineData(1024, 72u, 1024u)]
    [InlineData(1024, 0u, 1024u)]
    public void Cve20166490ALoopBreaksTheRing(int size, uint length, uint limit)
    {
        using var rig = new RingRig(size: size);
        var queue = rig.Dequeue();
        rig.Ring.Describe(0, RingRig.HighStart, length, HasNext, 1);
        rig.Ring.Describe(1, RingRig.HighStart, length, HasNext, 0);
        rig.Ring.Offer(0);
        Breaks(rig, queue, RingFault.ChainTooLong, limit, before: 0);
    }

    [Theory]
    [InlineData(0xdead_0000UL, 72u, 0xdead_0000UL)]
    [InlineData(RingRig.HighEnd - 8, 72u, RingRig.HighEnd)]
    [InlineData(RingRig.HighEnd - 8, uint.MaxValue, RingRig.HighEnd)]
    [InlineData(RingRig.HighStart - 8, 72u, RingRig.HighStart - 8)]
    [InlineData(ulong.MaxValue - 7, 72u, ulong.MaxValue - 7)]
    [InlineData(RingRig.LowStart - 1, 72u, RingRig.LowStart - 1)]
    public void Cve20181059ABufferOutsideTheMemoryBreaksTheRing(ulong address, uint length, ulong culprit)
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        rig.Ring.Describe(0, address, length);
        rig.Ring.Offer(0);
        Breaks(rig, queue, RingFault.AddressOutsideMemory, culprit, before: 0);
    }

    [Fact]
    public void MoreBytesThanALengthCanTellBreakTheRing()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        rig.Ring.Describe(0, RingRig.HighStart, Good, HasNext, 1);
        rig.Ring.Describe(1, RingRig.HighStart, uint.MaxValue);
        rig.Ring.Offer(0);
        Breaks(rig, queue, RingFault.ChainTooLarge, Good + (ulong)uint.MaxValue, before: 0);
    }

    [Theory]
    [InlineData(Write, 0, 0ul)]
    [InlineData(0, Write, 1ul)]
    public void ADescriptorTheDeviceIsToWriteBreaksTheRing(ushort first, ushort second, ulong position)
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        rig.Ring.Describe(0, RingRig.HighStart, Good, (ushort)(first | HasNext), 1);
        rig.Ring.Describe(1, RingRig.HighStart, Good, second);
        rig.Ring.Offer(0);
        Breaks(rig, queue, RingFault.WrongDirection, position, before: 0);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(9u)]
    [InlineData(10u)]
    [InlineData(11u)]
    public void Cve20222132AChainShorterThanTheHeaderBreaksTheRing(uint length)
    {
        using var rig = new RingRig(Features.Version1 | Features.Csum);
        var queue = rig.Dequeue();
        rig.Ring.Describe(0, RingRig.HighStart, length);
        rig.Ring.Offer(0);
        Breaks(rig, queue, RingFault.ShorterThanHeader, length, before: 0);
    }

    [Fact]
    public void Cve202014378AChainOfSeveralDescriptorsShorterThanTheHeaderBreaksTheRing()
    {
        using var rig = new RingRig(Features.Version1 | Features.Csum);
        var queue = rig.Dequeue();
        rig.Ring.DescribeChain(0, 0, (RingRig.HighStart, 4u), (RingRig.HighStart, 0u), (RingRig.HighStart, 7u));
        rig.Ring.Offer(0);
        Breaks(rig, queue, RingFault.ShorterThanHeader, 11, before: 0);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(8u)]
    [InlineData(15u)]
    [InlineData(24u)]
    [InlineData(uint.MaxValue)]
    public void AnIndirectTableOfAnOddLengthBreaksTheRing(uint length)
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        rig.Ring.Describe(0, RingRig.HighStart, length, Indirect);
        rig.Ring.Offer(0);
        Breaks(rig, queue, RingFault.BadIndirectTable, length, before: 0);
    }

    [Fact]
    public void ANestedIndirectTableBreaksTheRing()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        ulong inner = rig.Allocate(16), outer = rig.Allocate(16);
        rig.Ring.DescribeIndirect(inner, 0, rig.Allocate(Good), Good);
        rig.Ring.DescribeIndirect(outer, 0, inner, 16, Indirect);
        rig.Ring.Describe(0, outer, 16, Indirect);
        rig.Ring.Offer(0);
        Breaks(rig, queue, RingFault.BadIndirectTable, 16, before: 0);
    }

    [Fact]
    public void AnIndirectTableThatIsNotTheLastOfItsChainBreaksTheRing()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        ulong table = rig.Allocate(16);
        rig.Ring.DescribeIndirect(table, 0, rig.Allocate(Good), Good);
        rig.Ring.Describe(0, table, 16, Indirect | HasNext, 1);
        rig.Ring.Describe(1, rig.Allocate(Good), Good);
        rig.Ring.Offer(0);
        Breaks(rig, queue, RingFault.BadIndirectTable, 16, before: 0);
    }

    [Fact]
    public void Cve20181059AnIndirectTableThatLeavesItsRegionBreaksTheRing()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        ulong table = RingRig.HighEnd - 24;
        rig.Ring.DescribeIndirect(table, 0, rig.Allocate(Good), Good, HasNext, 1);
        rig.Ring.Describe(0, table, 32, Indirect);
        rig.Ring.Offer(0);
        Breaks(rig, queue, RingFault.AddressOutsideMemory, RingRig.HighEnd - 8, before: 0);
    }

    [Fact]
    public void AnIndirectTableThatWrapsAroundAllAddressesBreaksTheRing()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        rig.Ring.Describe(0, unchecked(0UL - 16), 32, Indirect);
        rig.Ring.Offer(0);
        Breaks(rig, queue, RingFault.AddressOutsideMemory, unchecked(0UL - 16), before: 0);
    }

    [Fact]
    public void AnIndirectTableThatGoesOnBehindItsEndBreaksTheRing()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        ulong table = rig.Allocate(64);
        rig.Ring.DescribeIndirect(table, 0, rig.Allocate(Good), Good, HasNext, 2);
        rig.Ring.DescribeIndirect(table, 2, rig.Allocate(Good), Good);
        rig.Ring.Describe(0, table, 32, Indirect);
        rig.Ring.Offer(0);
        Breaks(rig, queue, RingFault.DescriptorOutOfRange, 2, before: 0);
    }

    [Fact]
    public void AnIndirectTableThatGoesInACircleBreaksTheRing()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        ulong table = rig.Allocate(32);
        rig.Ring.DescribeIndirect(table, 0, rig.Allocate(Good), Good, HasNext, 1);
        rig.Ring.DescribeIndirect(table, 1, rig.Allocate(Good), Good, HasNext, 0);
        rig.Ring.Describe(0, table, 32, Indirect);
        rig.Ring.Offer(0);
        Breaks(rig, queue, RingFault.ChainTooLong, 2, before: 0);
    }

    [Fact]
    public void ALongIndirectTableDoesNotMakeALongLoop()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        ulong table = rig.Allocate(2000 * 16);
        for (int i = 0; i < 2000; i++)
            rig.Ring.DescribeIndirect(table, i, RingRig.HighStart, 0, HasNext, (ushort)((i + 1) % 2000));
        rig.Ring.Describe(0, table, 2000 * 16, Indirect);
        rig.Ring.Offer(0);
        queue.Receive(rig.Burst);
        Assert.Equal(RingFault.ChainTooLong, queue.Fault);
    }

    [Fact]
    public void Cve20193900AChainOfMoreDescriptorsThanABurstHasRoomForBreaksTheRing()
    {
        // Descriptors without length need no room and cost time all the same: 32 such chains a burst are a million.
        using var rig = new RingRig(size: SplitLayout.MaxSize, lowLength: 1 << 20);
        var queue = rig.Dequeue();
        for (int i = 0; i < SplitLayout.MaxSize - 1; i++)
            rig.Ring.Describe(i, RingRig.HighStart, 0, HasNext, (ushort)(i + 1));
        rig.Ring.Describe(SplitLayout.MaxSize - 1, RingRig.HighStart, Good);
        rig.Ring.Offer(0);
        queue.Receive(rig.Burst);
        Assert.Equal(RingFault.ChainTooLong, queue.Fault);
    }

    [Fact]
    public void FramesBeforeTheBadOneAreStillGivenBack()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        ulong good = rig.Allocate(Good);
        for (ushort i = 0; i < 10; i++)
            rig.Ring.Describe(i, i == 7 ? 0xdead_0000 : good, Good);
        rig.Ring.Offer(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
        Breaks(rig, queue, RingFault.AddressOutsideMemory, 0xdead_0000, before: 7);
    }

    [Fact]
    public void ABrokenRingStaysBrokenAlthoughItsDriverMendsIt()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        ulong good = rig.Allocate(Good);
        rig.Ring.Describe(0, good, Good);
        rig.Ring.Describe(1, 0xdead_0000, Good);
        rig.Ring.Offer(0, 1, 0);
        Breaks(rig, queue, RingFault.AddressOutsideMemory, 0xdead_0000, before: 1);
        rig.Ring.Describe(1, good, Good);
        rig.Ring.Offer(0);
        queue.Receive(rig.Burst);
        Assert.Equal(0, rig.Burst.Count);
        Assert.False(queue.HasFrames());
    }

    [Fact]
    public void ABrokenRingStaysBrokenAlthoughManyFramesWereWaiting()
    {
        // More than a burst: the device has seen the index already and does not have to look at it again.
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        ulong good = rig.Allocate(Good);
        rig.Ring.Describe(0, good, Good);
        rig.Ring.Describe(1, 0xdead_0000, Good);
        rig.Ring.Offer([0, 1, .. Enumerable.Repeat((ushort)0, 100)]);
        Breaks(rig, queue, RingFault.AddressOutsideMemory, 0xdead_0000, before: 1);
        rig.Ring.Describe(1, good, Good);
        queue.Receive(rig.Burst);
        Assert.Equal(0, rig.Burst.Count);
    }

    [Fact]
    public void ANewQueueOnTheSameRingStartsWithoutTheFault()
    {
        using var rig = new RingRig();
        var queue = rig.Dequeue();
        rig.Ring.Describe(0, 0xdead_0000, Good);
        rig.Ring.Offer(0);
        Breaks(rig, queue, RingFault.AddressOutsideMemory, 0xdead_0000, before: 0);
        rig.Ring.Describe(0, rig.Allocate(Good), Good);
        var anew = rig.Dequeue();
        anew.Receive(rig.Burst);
        Assert.Equal(1, rig.Burst.Count);
    }

    private static void Breaks(RingRig rig, DequeueQueue<SplitDeviceRing, RegionCache, NoLog> queue, RingFault fault, ulong detail, int before)
    {
        ushort used = rig.Ring.UsedIndex;
        queue.Receive(rig.Burst);
        Assert.Equal((fault, detail, before), (queue.Fault, queue.FaultDetail, rig.Burst.Count));
        queue.Return(rig.Burst);
        Assert.Equal(used + before, rig.Ring.UsedIndex);
        Assert.Equal(rig.Ring.UsedIndex, queue.Base);
    }
}
