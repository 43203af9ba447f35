using VhostSwitch.Dataplane;
using VhostSwitch.Vhost.Net;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Packed;
using static VhostSwitch.Virtio.Descriptor;

namespace VhostSwitch.Vhost.Tests.Net;

/// <summary>How packed rings break, by which number, what was good before is given back, and nothing else.</summary>
public sealed unsafe class PackedFaultTests
{
    private const uint Good = 72;

    [Theory]
    [InlineData(16)]
    [InlineData(5)]
    [InlineData(515)]
    [InlineData(1000)]
    public void AChainThatWrapsIntoItselfBreaksTheRing(int size)
    {
        using var rig = new PackedRig(size: size, start: 3);
        // Every entry goes on at the next, round and round.
        for (int i = 0; i < size; i++)
            rig.Ring.Entry(i) = new PackedDescriptor { Address = RingRig.HighStart, Length = 1, Flags = (ushort)(HasNext | (i < 3 ? 0x8000 : 0x80)) };
        Breaks(rig, RingFault.ChainTooLong, (ulong)size, before: 0);
    }

    [Fact]
    public void Cve20193900AChainOfMoreDescriptorsThanABurstHasRoomForBreaksTheRing()
    {
        using var rig = new PackedRig(size: 3000);
        for (int i = 0; i < 3000; i++)
            rig.Ring.Entry(i) = new PackedDescriptor { Address = RingRig.HighStart, Length = 0, Flags = (ushort)(0x80 | (i < 2999 ? HasNext : 0)) };
        Breaks(rig, RingFault.ChainTooLong, Burst.MaxSegments, before: 0);
    }

    [Theory]
    [InlineData(0xdead_0000UL, 72u, 0xdead_0000UL)]
    [InlineData(RingRig.HighEnd - 8, 72u, RingRig.HighEnd)]
    [InlineData(RingRig.HighEnd - 8, uint.MaxValue, RingRig.HighEnd)]
    [InlineData(RingRig.LowStart - 1, 72u, RingRig.LowStart - 1)]
    [InlineData(ulong.MaxValue - 7, 72u, ulong.MaxValue - 7)]
    [InlineData(0UL, 72u, 0UL)]
    public void Cve202010725ABadAddressAmongGoodOnesBreaksTheRing(ulong address, uint length, ulong culprit)
    {
        // DPDK checked the first of each four only.
        for (int place = 0; place < 4; place++)
        {
            using var rig = new PackedRig(size: 7, start: 5);
            ulong good = rig.PutFrame(PackedRig.Frame(1));
            for (int i = 0; i < 4; i++)
                rig.Ring.Offer((ushort)i, i == place ? address : good, i == place ? length : Good);
            Breaks(rig, RingFault.AddressOutsideMemory, culprit, before: place);
        }
    }

    [Fact]
    public void Cve202010725ALengthOfNothingAmongGoodOnesBreaksTheRing()
    {
        for (int place = 0; place < 4; place++)
        {
            using var rig = new PackedRig(size: 4, start: 6);
            ulong good = rig.PutFrame(PackedRig.Frame(1));
            for (int i = 0; i < 4; i++)
                rig.Ring.Offer((ushort)i, good, i == place ? 0 : Good);
            Breaks(rig, RingFault.ShorterThanHeader, 0, before: place);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    [InlineData(11)]
    public void Cve20222132AHeaderInSinglePiecesIsSkippedOnceAndAShorterChainBreaksTheRing(int length)
    {
        using var rig = new PackedRig(PackedRig.Packed | Features.Csum, size: 100);
        ulong good = rig.PutFrame(PackedRig.Frame(7));
        rig.Ring.OfferChain(0, [.. Enumerable.Range(0, 12).Select(i => new TestKit.Guest.PackedPart(good + (ulong)i, 1)), new(good + 12, 60)]);
        rig.Ring.OfferChain(1, [.. Enumerable.Range(0, length).Select(i => new TestKit.Guest.PackedPart(good + (ulong)i, 1))]);
        rig.Ring.Offer(2, good, Good);
        var queue = Breaks(rig, RingFault.ShorterThanHeader, (ulong)length, before: 1);
        Assert.Equal(PackedRig.Frame(7), Loan.Bytes(rig.Burst, 0));
        Assert.False(queue.HasFrames());
    }

    [Fact]
    public void Cve20222132AChainOfNothingButTheHeaderIsARunt()
    {
        using var rig = new PackedRig(size: 100);
        ulong good = rig.PutFrame(PackedRig.Frame(7)), table = rig.Allocate(32);
        rig.Ring.OfferChain(0, new(good, 12), new(good, 0));
        rig.DescribeIndirect(table, 0, good, 6);
        rig.DescribeIndirect(table, 1, good, 6);
        rig.Ring.Offer(1, table, 32, Indirect);
        var queue = rig.Dequeue();
        queue.Receive(rig.Burst);
        Assert.Equal((2, RingFault.None), (rig.Burst.Count, queue.Fault));
        Assert.Equal([DropReason.Runt, DropReason.Runt], new[] { Loan.Dropped(rig.Burst, 0), Loan.Dropped(rig.Burst, 1) }.Select(d => d!.Value));
        queue.Return(rig.Burst);
        Assert.Equal([0], rig.Ring.TryTake(out _));
        Assert.Equal([1], rig.Ring.TryTake(out _));
    }

    [Fact]
    public void MoreBytesThanALengthCanTellBreakTheRing()
    {
        // CVE-2019-14835 was such a chain, whose log of writes outgrew its buffer.
        using var rig = new PackedRig();
        rig.Ring.OfferChain(0, new(RingRig.HighStart, Good), new(RingRig.HighStart, uint.MaxValue));
        Breaks(rig, RingFault.ChainTooLarge, Good + (ulong)uint.MaxValue, before: 0);
    }

    [Theory]
    [InlineData(2048 + 1, RingFault.ChainTooLong, 514ul)]
    [InlineData(516, RingFault.ChainTooLong, 514ul)]
    public void Cve201914835AnIndirectTableOfManyEntriesWithoutLengthBreaksTheRing(int entries, RingFault fault, ulong detail)
    {
        using var rig = new PackedRig();
        ulong table = rig.Allocate((ulong)entries * 16);
        for (int i = 0; i < entries; i++)
            rig.DescribeIndirect(table, i, RingRig.HighStart, 0);
        rig.Ring.Offer(0, table, (uint)entries * 16, Indirect);
        Breaks(rig, fault, detail, before: 0);
    }

    [Theory]
    [InlineData(Write, 0, 0ul)]
    [InlineData(0, Write, 1ul)]
    public void ADescriptorTheDeviceIsToWriteBreaksATransmitRing(ushort first, ushort second, ulong position)
    {
        using var rig = new PackedRig();
        rig.Ring.OfferChain(0, new(RingRig.HighStart, Good, first), new(RingRig.HighStart, Good, second));
        Breaks(rig, RingFault.WrongDirection, position, before: 0);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(15u)]
    [InlineData(17u)]
    [InlineData(24u)]
    [InlineData(uint.MaxValue)]
    public void AnIndirectTableOfAnOddLengthBreaksTheRing(uint length)
    {
        using var rig = new PackedRig();
        rig.Ring.Offer(0, RingRig.HighStart, length, Indirect);
        Breaks(rig, RingFault.BadIndirectTable, length, before: 0);
    }

    [Fact]
    public void AHugeIndirectTableIsReadNoFurtherThanAChainMayGo()
    {
        using var rig = new PackedRig();
        ulong good = rig.Allocate(4096);
        // Sixteen megabytes of entries that are not all there.
        rig.Ring.Offer(0, good, 0xffff_fff0, Indirect);
        Breaks(rig, RingFault.ChainTooLong, 514, before: 0);
    }

    [Fact]
    public void Cve20181059AnIndirectTableThatLeavesItsRegionBreaksTheRing()
    {
        using var rig = new PackedRig();
        rig.DescribeIndirect(RingRig.HighEnd - 24, 0, RingRig.HighStart, Good);
        rig.Ring.Offer(0, RingRig.HighEnd - 24, 32, Indirect);
        Breaks(rig, RingFault.AddressOutsideMemory, RingRig.HighEnd - 8, before: 0);
    }

    [Fact]
    public void AnIndirectTableThatIsNotTheLastOfItsChainBreaksTheRing()
    {
        using var rig = new PackedRig();
        ulong table = rig.Allocate(16);
        rig.DescribeIndirect(table, 0, RingRig.HighStart, Good);
        rig.Ring.OfferChain(0, new(table, 16, Indirect), new(RingRig.HighStart, Good));
        Breaks(rig, RingFault.BadIndirectTable, 16, before: 0);
    }

    [Fact]
    public void FlagsInATableOfAPackedRingMeanNothingToTheReader()
    {
        // Neither a nested table nor a successor: an entry is a buffer, and the next one follows it (VIRTIO 1.2, 2.8.7).
        using var rig = new PackedRig();
        byte[] frame = PackedRig.Frame(3);
        ulong good = rig.PutFrame(frame), table = rig.Allocate(32);
        rig.DescribeIndirect(table, 0, good, 32, Indirect | HasNext | 0x8080);
        rig.DescribeIndirect(table, 1, good + 32, 40, HasNext);
        rig.Ring.Offer(0, table, 32, Indirect);
        var queue = rig.Dequeue();
        queue.Receive(rig.Burst);
        Assert.Equal((1, RingFault.None), (rig.Burst.Count, queue.Fault));
        Assert.Equal(frame, Loan.Bytes(rig.Burst, 0));
    }

    [Theory]
    [InlineData(4)]
    [InlineData(0x7fff)]
    [InlineData(0xffff)]
    public void Spdk3879ABufferIdBeyondTheRingIsGivenBackAsItCame(ushort id)
    {
        // It is the driver's word and nothing is looked up by it.
        using var rig = new PackedRig(size: 4);
        ulong good = rig.PutFrame(PackedRig.Frame(1));
        rig.Ring.Offer(id, good, Good);
        rig.Ring.Offer(1, good, Good);
        var queue = rig.Dequeue();
        queue.Receive(rig.Burst);
        Assert.Equal(2, rig.Burst.Count);
        queue.Return(rig.Burst);
        Assert.Equal([id], rig.Ring.TryTake(out _));
        Assert.Equal([1], rig.Ring.TryTake(out _));
    }

    [Fact]
    public void FlagsThatChangeAfterTheyWereCheckedAreNotLookedAtAgain()
    {
        using var rig = new PackedRig(size: 4);
        byte[] frame = PackedRig.Frame(1);
        ulong good = rig.PutFrame(frame);
        rig.Ring.Offer(3, good, Good);
        var queue = rig.Dequeue();
        queue.Receive(rig.Burst);
        // The chain is on loan: now it is to be longer, indirect, elsewhere, and another's.
        rig.Ring.Entry(0) = new PackedDescriptor { Address = 0xdead_0000, Length = uint.MaxValue, Id = 3, Flags = 0x80 | HasNext | Indirect };
        Assert.Equal(frame, Loan.Bytes(rig.Burst, 0));
        queue.Return(rig.Burst);
        Assert.Equal([3], rig.Ring.TryTake(out _));
        Assert.Equal(rig.Ring.PositionOf(1).Value, (ushort)queue.Base);
        Assert.Equal(RingFault.None, queue.Fault);
    }

    [Fact]
    public void Cve202014375ADescriptorThatChangesAllTheTimeIsOneThing()
    {
        using var rig = new PackedRig(size: 2);
        ulong at = rig.Allocate(4096);
        nuint from = (nuint)rig.Memory.At(at), to = from + 4096;
        PackedDescriptor[] kinds =
        [
            new() { Address = at, Length = 72, Flags = 0x80 },
            new() { Address = 0xdead_0000, Length = uint.MaxValue, Flags = 0x80 | Indirect },
            new() { Address = at, Length = 4096, Flags = 0x80 | HasNext },
            new() { Address = at, Length = 4096, Flags = 0x80 },
            new() { Address = at + 4000, Length = 96, Flags = 0x8080 },
        ];
        bool stop = false;
        var flipper = new Thread(() =>
        {
            for (int i = 0; !Volatile.Read(ref stop); i++)
                rig.Ring.Entry(i % 2) = kinds[i % kinds.Length];
        });
        flipper.Start();
        for (int i = 0; i < 20_000; i++)
        {
            var queue = rig.Dequeue();
            queue.Receive(rig.Burst);
            for (int f = 0; f < rig.Burst.Count; f++)
            {
                var frame = rig.Burst.Frames[f];
                if (Loan.Dropped(rig.Burst, f) is not null) continue;
                Assert.InRange((nuint)frame.Data, from, to);
                Assert.InRange((nuint)frame.Data + frame.DataLength, from, to);
            }
            queue.Return(rig.Burst);
        }
        Volatile.Write(ref stop, true);
        flipper.Join();
    }

    public static TheoryData<string, RingFault, ulong> BadReceiveBuffers => new()
    {
        { "outside", RingFault.AddressOutsideMemory, 0xdead_0000 },
        { "beyond", RingFault.AddressOutsideMemory, RingRig.HighEnd },
        { "readable", RingFault.WrongDirection, 0 },
        { "readable at the end", RingFault.WrongDirection, 1 },
        { "readable in a table", RingFault.WrongDirection, 1 },
        { "odd table", RingFault.BadIndirectTable, 17 },
        { "no table", RingFault.BadIndirectTable, 0 },
        { "table in the middle", RingFault.BadIndirectTable, 16 },
        { "short", RingFault.ShorterThanHeader, 11 },
        { "short chain", RingFault.ShorterThanHeader, 11 },
        { "loop", RingFault.ChainTooLong, 8 },
    };

    [Theory]
    [MemberData(nameof(BadReceiveBuffers))]
    public void ABadReceiveBufferBreaksTheRingAndStaysBroken(string what, RingFault fault, ulong detail)
    {
        using var rig = new PackedRig(size: 8, start: 7);
        var queue = rig.Enqueue();
        ulong good = rig.Allocate(2048), table = rig.Allocate(32);
        rig.Ring.Offer(0, good, 2048, Write);
        rig.DescribeIndirect(table, 0, good, 100, Write);
        rig.DescribeIndirect(table, 1, good, 100);
        switch (what)
        {
            case "outside": rig.Ring.Offer(1, 0xdead_0000, 2048, Write); break;
            case "beyond": rig.Ring.Offer(1, RingRig.HighEnd - 20, 2048, Write); break;
            case "readable": rig.Ring.Offer(1, good, 2048); break;
            case "readable at the end": rig.Ring.OfferChain(1, new(good, 12, Write), new(good, 1000)); break;
            case "readable in a table": rig.Ring.Offer(1, table, 32, Indirect); break;
            case "odd table": rig.Ring.Offer(1, table, 17, Indirect); break;
            case "no table": rig.Ring.Offer(1, table, 0, Indirect); break;
            case "table in the middle": rig.Ring.OfferChain(1, new(good, 12, Write), new(table, 16, Indirect), new(good, 100, Write)); break;
            case "short": rig.Ring.Offer(1, good, 11, Write); break;
            case "short chain": rig.Ring.OfferChain(1, new(good, 5, Write), new(good, 6, Write)); break;
            case "loop":
                for (ushort i = 0; i < 8; i++)
                {
                    int mark = i < 7 ? 0x8000 : 0x80;
                    rig.Ring.Entry(i) = new PackedDescriptor { Address = good, Length = 1, Flags = (ushort)(Write | HasNext | mark) };
                }
                break;
        }
        byte[] frame = PackedRig.Frame(1);
        Assert.Equal(3, rig.Send(queue, frame, frame, frame));
        Assert.Equal((fault, detail), (queue.Fault, queue.FaultDetail));
        int before = what == "loop" ? 0 : 1;
        Assert.Equal((ulong)(3 - before), rig.Counters->Drops(DropReason.ReceiverBroken));
        Assert.Equal(rig.Ring.PositionOf(7 + (ulong)before).Value, (ushort)queue.Base);
        if (before > 0) Assert.Equal([0], rig.Ring.TryTake(out _));
        Assert.Equal(1, rig.Send(queue, frame));
        Assert.Equal((ulong)(4 - before), rig.Counters->Drops(DropReason.ReceiverBroken));
    }

    private static DequeueQueue<PackedDeviceRing, RegionCache, NoLog> Breaks(PackedRig rig, RingFault fault, ulong detail, int before)
    {
        var queue = rig.Dequeue();
        queue.Receive(rig.Burst);
        Assert.Equal((fault, detail, before), (queue.Fault, queue.FaultDetail, rig.Burst.Count));
        // What was lent before the fault is given back, and the place is where the bad chain begins.
        queue.Return(rig.Burst);
        for (int i = 0; i < before; i++)
            Assert.Equal([(ushort)i], rig.Ring.TryTake(out _));
        Assert.Equal(rig.Ring.PositionOf(rig.Ring.Used).Value, (ushort)queue.Base);
        return queue;
    }
}
