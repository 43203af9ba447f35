using VhostSwitch.Dataplane;
using VhostSwitch.Packets;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Split;
using static VhostSwitch.Virtio.Descriptor;

namespace VhostSwitch.Vhost.Tests.Net;

public sealed unsafe class EnqueueQueueTests
{
    private const Features Mergeable = Features.Version1 | Features.MrgRxbuf;

    [Theory]
    [InlineData(14)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(33)]
    [InlineData(47)]
    [InlineData(48)]
    [InlineData(64)]
    [InlineData(79)]
    [InlineData(80)]
    [InlineData(81)]
    [InlineData(144)]
    [InlineData(145)]
    [InlineData(1518)]
    [InlineData(9000)]
    [InlineData(65535)]
    public void CopiesAFrameWithItsHeader(int length)
    {
        using var rig = new RingRig(ring: 0);
        var queue = rig.Enqueue();
        ulong buffer = Buffer(rig, 0, (uint)length + 40);
        byte[] frame = Frame(1, length);
        Lend(rig, frame);
        Assert.Equal(1, Send(queue, rig));
        Assert.Equal(1, rig.Ring.UsedIndex);
        Assert.Equal(new UsedElement { Id = 0, Length = (uint)(12 + length) }, rig.Ring.UsedAt(0));
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, .. frame, .. Enumerable.Repeat((byte)0xcc, 28)], rig.Memory.Read(buffer, length + 40));
        Assert.True(rig.Burst.Frames[0].Delivered);
    }

    [Fact]
    public void WritesALegacyHeaderOfTenBytes()
    {
        using var rig = new RingRig(Features.None, ring: 0);
        var queue = rig.Enqueue();
        ulong buffer = Buffer(rig, 0, 100);
        byte[] frame = Frame(1, 64);
        Lend(rig, frame);
        Send(queue, rig);
        Assert.Equal([.. new byte[10], .. frame, .. Enumerable.Repeat((byte)0xcc, 26)], rig.Memory.Read(buffer, 100));
        Assert.Equal(74u, rig.Ring.UsedAt(0).Length);
    }

    [Fact]
    public void CopiesAFrameInPiecesIntoOneBuffer()
    {
        using var rig = new RingRig(ring: 0);
        var queue = rig.Enqueue();
        byte[] frame = Frame(2, 400);
        foreach (int[] cuts in new int[][] { [1, 1, 398], [15, 1, 384], [16, 384], [17, 383], [3, 5, 7, 11, 374], [399, 1] })
        {
            ulong buffer = Buffer(rig, 0, 500);
            rig.Burst.Count = 0;
            LendPieces(rig, frame, cuts);
            Assert.Equal(1, Send(queue, rig));
            Assert.Equal(frame, rig.Memory.Read(buffer + 12, 400));
        }
    }

    [Theory]
    [InlineData(new uint[] { 12, 400 })]
    [InlineData(new uint[] { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 400 })]
    [InlineData(new uint[] { 5, 100, 0, 200, 200 })]
    [InlineData(new uint[] { 20, 392 })]
    [InlineData(new uint[] { 411, 1 })]
    public void FillsABufferOfSeveralDescriptors(uint[] lengths)
    {
        using var rig = new RingRig(ring: 0);
        var queue = rig.Enqueue();
        ulong[] parts = [.. lengths.Select(l => rig.Allocate(l + 64))];
        rig.Ring.DescribeChain(0, Write, [.. parts.Zip(lengths)]);
        rig.Ring.Offer(0);
        byte[] frame = Frame(3, 400);
        Lend(rig, frame);
        Assert.Equal(1, Send(queue, rig));
        byte[] received = [.. parts.Zip(lengths).SelectMany(p => rig.Memory.Read(p.First, (int)p.Second))];
        Assert.Equal(frame, received[12..412]);
        Assert.Equal(412u, rig.Ring.UsedAt(0).Length);
    }

    [Fact]
    public void FillsAnIndirectBufferAcrossRegions()
    {
        using var rig = new RingRig(ring: 0);
        var queue = rig.Enqueue();
        ulong table = RingRig.Boundary - 20, second = RingRig.Boundary + 0x8000;
        rig.Ring.DescribeIndirect(table, 0, RingRig.Boundary - 100, 80, Write | HasNext, 1);
        rig.Ring.DescribeIndirect(table, 1, second, 400, Write);
        rig.Ring.Describe(0, table, 32, Indirect);
        rig.Ring.Offer(0);
        byte[] frame = Frame(4, 400);
        Lend(rig, frame);
        Assert.Equal(1, Send(queue, rig));
        byte[] received = [.. rig.Memory.Read(RingRig.Boundary - 88, 68), .. rig.Memory.Read(second, 332)];
        Assert.Equal(frame, received);
    }

    [Fact]
    public void FillsABufferThatCrossesRegions()
    {
        using var rig = new RingRig(ring: 0);
        var queue = rig.Enqueue();
        byte[] frame = Frame(5, 1500);
        foreach (ulong before in new ulong[] { 1, 11, 12, 13, 27, 28, 29, 700, 1511 })
        {
            rig.Ring.Describe(0, RingRig.Boundary - before, 2048, Write);
            rig.Ring.Offer(0);
            rig.Burst.Count = 0;
            Lend(rig, frame);
            Assert.Equal(1, Send(queue, rig));
            Assert.Equal(frame, rig.Memory.Read(RingRig.Boundary - before + 12, 1500));
        }
    }

    [Fact]
    public void WritesOnlyTheFrameIntoABufferWhoseEndIsOutsideTheMemory()
    {
        using var rig = new RingRig(ring: 0);
        var queue = rig.Enqueue();
        rig.Ring.Describe(0, RingRig.HighEnd - 76, 2048, Write);
        rig.Ring.Offer(0);
        Lend(rig, Frame(6, 64));
        Send(queue, rig);
        Assert.True(rig.Memory.GuardsAreIntact);
    }

    [Fact]
    public void FillsEachMergeableBufferBeforeTheNext()
    {
        using var rig = new RingRig(Mergeable, ring: 0);
        var queue = rig.Enqueue();
        ulong[] buffers = [Buffer(rig, 0, 100), Buffer(rig, 1, 60), Buffer(rig, 2, 500), Buffer(rig, 3, 500)];
        byte[] frame = Frame(7, 400);
        Lend(rig, frame);
        Assert.Equal(1, Send(queue, rig));
        Assert.Equal(3, rig.Ring.UsedIndex);
        Assert.Equal([(0u, 100u), (1u, 60u), (2u, 252u)], Enumerable.Range(0, 3).Select(i => (rig.Ring.UsedAt(i).Id, rig.Ring.UsedAt(i).Length)));
        Assert.Equal(3, rig.Memory.Read(buffers[0], 12)[10]);
        byte[] received = [.. rig.Memory.Read(buffers[0] + 12, 88), .. rig.Memory.Read(buffers[1], 60), .. rig.Memory.Read(buffers[2], 252)];
        Assert.Equal(frame, received);
        Assert.All(rig.Memory.Read(buffers[3], 500), b => Assert.Equal(0xcc, b));
    }

    [Fact]
    public void SendsTwoMergedFramesInABurstOneBehindTheOther()
    {
        using var rig = new RingRig(Mergeable, ring: 0);
        var queue = rig.Enqueue();
        ulong[] buffers = [.. Enumerable.Range(0, 6).Select(i => Buffer(rig, (ushort)i, 200))];
        byte[] first = Frame(8, 300), small = Frame(9, 60), second = Frame(10, 350);
        Lend(rig, first);
        Lend(rig, small);
        Lend(rig, second);
        Assert.Equal(3, Send(queue, rig));
        Assert.Equal([200u, 112u, 72u, 200u, 162u], Enumerable.Range(0, 5).Select(i => rig.Ring.UsedAt(i).Length));
        Assert.Equal([2, 1, 2], new[] { 0, 2, 3 }.Select(i => (int)rig.Memory.Read(buffers[i], 12)[10]));
        Assert.Equal(small, rig.Memory.Read(buffers[2] + 12, 60));
        byte[] received = [.. rig.Memory.Read(buffers[3] + 12, 188), .. rig.Memory.Read(buffers[4], 162)];
        Assert.Equal(second, received);
    }

    [Fact]
    public void KeepsBackAMergedFrameUntilThereAreEnoughBuffers()
    {
        using var rig = new RingRig(Mergeable, ring: 0);
        var queue = rig.Enqueue();
        Buffer(rig, 0, 100);
        Buffer(rig, 1, 100);
        Lend(rig, Frame(11, 60));
        Lend(rig, Frame(12, 300));
        Assert.Equal(1, Send(queue, rig));
        Assert.Equal(1, rig.Ring.UsedIndex);
        for (ushort i = 2; i < 5; i++)
            Buffer(rig, i, 100);
        Assert.Equal(1, Send(queue, rig, first: 1));
        Assert.Equal(5, rig.Ring.UsedIndex);
    }

    [Fact]
    public void Cve20213748NothingIsGivenBackOfAMergedFrameThatMeetsABadBuffer()
    {
        using var rig = new RingRig(Mergeable, ring: 0);
        var queue = rig.Enqueue();
        Buffer(rig, 0, 2048);
        Buffer(rig, 1, 100);
        rig.Ring.Describe(2, 0xdead_0000, 2048, Write);
        rig.Ring.Offer(2);
        Lend(rig, Frame(13, 60));
        Lend(rig, Frame(14, 300));
        Lend(rig, Frame(15, 60));
        Assert.Equal(3, Send(queue, rig));
        Assert.Equal(RingFault.AddressOutsideMemory, queue.Fault);
        Assert.Equal(1, rig.Ring.UsedIndex);
        Assert.Equal(2ul, rig.Counters->Drops(DropReason.ReceiverBroken));
        Assert.True(rig.Burst.Frames[0].Delivered);
        Assert.False(rig.Burst.Frames[1].Delivered);
    }

    [Fact]
    public void DropsAFrameThatNeedsMoreBuffersThanAnyFrameMay()
    {
        using var rig = new RingRig(Mergeable, ring: 0);
        var queue = rig.Enqueue();
        for (ushort i = 0; i < 200; i++)
            Buffer(rig, i, 20);
        Lend(rig, Frame(16, 2000));
        Lend(rig, Frame(17, 60));
        Assert.Equal(2, Send(queue, rig));
        Assert.Equal(1ul, rig.Counters->Drops(DropReason.ReceiverBufferTooSmall));
        Assert.True(rig.Burst.Frames[1].Delivered);
    }

    [Fact]
    public void MergeableBuffersOfNoLengthAreABoundedNumber()
    {
        using var rig = new RingRig(Mergeable, ring: 0);
        var queue = rig.Enqueue();
        Buffer(rig, 0, 100);
        for (ushort i = 1; i < 256; i++)
        {
            rig.Ring.Describe(i, RingRig.HighStart, 0, Write);
            rig.Ring.Offer(i);
        }
        Lend(rig, Frame(18, 300));
        Assert.Equal(1, Send(queue, rig));
        Assert.Equal(1ul, rig.Counters->Drops(DropReason.ReceiverBufferTooSmall));
    }

    [Fact]
    public void Cve20193900AFrameThatNeedsMoreDescriptorsThanABurstHasRoomForBreaksTheRing()
    {
        // 64 buffers of 512 descriptors, nearly all without length: 32768 to be looked at for every frame, again and again.
        using var rig = new RingRig(Mergeable, size: 512, ring: 0);
        var queue = rig.Enqueue();
        for (int i = 0; i < 511; i++)
            rig.Ring.Describe(i, RingRig.HighStart, 0, Write | HasNext, (ushort)(i + 1));
        rig.Ring.Describe(511, RingRig.HighStart, 16, Write);
        for (int i = 0; i < 256; i++)
            rig.Ring.Offer(0);
        Lend(rig, Frame(18, 1500));
        Send(queue, rig);
        Assert.NotEqual(RingFault.None, queue.Fault);
    }

    [Fact]
    public void DropsAFrameThatDoesNotFitWithoutMergeableBuffers()
    {
        using var rig = new RingRig(ring: 0);
        var queue = rig.Enqueue();
        ulong buffer = Buffer(rig, 0, 100);
        Buffer(rig, 1, 2048);
        Lend(rig, Frame(19, 89));
        Lend(rig, Frame(20, 88));
        Assert.Equal(2, Send(queue, rig));
        Assert.Equal(1ul, rig.Counters->Drops(DropReason.ReceiverBufferTooSmall));
        Assert.Equal(1, rig.Ring.UsedIndex);
        Assert.Equal(Frame(20, 88), rig.Memory.Read(buffer + 12, 88));
    }

    [Fact]
    public void SendsAsManyAsThereAreBuffers()
    {
        using var rig = new RingRig(ring: 0);
        var queue = rig.Enqueue();
        for (ushort i = 0; i < 5; i++)
            Buffer(rig, i, 100);
        for (ulong i = 0; i < 8; i++)
            Lend(rig, Frame(i, 60));
        Assert.Equal(5, Send(queue, rig));
        Assert.Equal(5, rig.Ring.UsedIndex);
        Buffer(rig, 5, 100);
        Assert.Equal(1, Send(queue, rig, first: 5));
        Assert.Equal(5ul + 1, rig.Counters->Frames);
        Assert.Equal(6ul * 60, rig.Counters->Bytes);
    }

    [Fact]
    public void GoesOnWhereTheIndexWrapsAround()
    {
        using var rig = new RingRig(size: 4, ring: 0, first: 65533);
        var queue = rig.Enqueue();
        for (ulong i = 0; i < 10; i++)
        {
            ulong buffer = Buffer(rig, (ushort)(i % 4), 100);
            rig.Burst.Count = 0;
            Lend(rig, Frame(i, 60));
            Assert.Equal(1, Send(queue, rig));
            Assert.Equal(Frame(i, 60), rig.Memory.Read(buffer + 12, 60));
        }
        Assert.Equal(7, rig.Ring.UsedIndex);
    }

    public static TheoryData<string, RingFault> Faults => new()
    {
        { "index", RingFault.IndexTooFarAhead },
        { "head", RingFault.DescriptorOutOfRange },
        { "next", RingFault.DescriptorOutOfRange },
        { "loop", RingFault.ChainTooLong },
        { "outside", RingFault.AddressOutsideMemory },
        { "beyond", RingFault.AddressOutsideMemory },
        { "readable", RingFault.WrongDirection },
        { "readable at the end", RingFault.WrongDirection },
        { "nested", RingFault.BadIndirectTable },
        { "odd table", RingFault.BadIndirectTable },
        { "short", RingFault.ShorterThanHeader },
        { "short chain", RingFault.ShorterThanHeader },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void ABadBufferBreaksTheRingAndStaysBroken(string what, RingFault fault)
    {
        using var rig = new RingRig(ring: 0);
        var queue = rig.Enqueue();
        Buffer(rig, 0, 2048);
        ulong good = rig.Allocate(2048), table = rig.Allocate(32);
        switch (what)
        {
            case "index": rig.Ring.AvailableIndex += 1000; break;
            case "head": rig.Ring.Offer(256); break;
            case "next": rig.Ring.Describe(1, good, 20, Write | HasNext, 256); break;
            case "loop": rig.Ring.Describe(1, good, 0, Write | HasNext, 1); break;
            case "outside": rig.Ring.Describe(1, 0xdead_0000, 2048, Write); break;
            case "beyond": rig.Ring.Describe(1, RingRig.HighEnd - 20, 2048, Write); break;
            case "readable": rig.Ring.Describe(1, good, 2048); break;
            case "readable at the end": rig.Ring.DescribeChain(1, Write, (good, 12u), (good + 12, 1000u)); rig.Ring.Describe(2, good, 1000u); break;
            case "nested": rig.Ring.DescribeIndirect(table, 0, good, 16, Indirect | Write); rig.Ring.Describe(1, table, 16, Indirect); break;
            case "odd table": rig.Ring.Describe(1, table, 17, Indirect); break;
            case "short": rig.Ring.Describe(1, good, 11, Write); break;
            case "short chain": rig.Ring.DescribeChain(1, Write, (good, 5u), (good + 5, 6u)); break;
        }
        if (what is not ("index" or "head")) rig.Ring.Offer(1);
        if (what == "index")
        {
            // The first buffer is taken before the index is looked at again.
            Lend(rig, Frame(0, 60));
            Assert.Equal(1, Send(queue, rig));
            Assert.Equal(fault, queue.Fault);
            Assert.Equal(1ul, rig.Counters->Drops(DropReason.ReceiverBroken));
            return;
        }
        for (ulong i = 0; i < 3; i++)
            Lend(rig, Frame(i, 60));
        Assert.Equal(3, Send(queue, rig));
        Assert.Equal(fault, queue.Fault);
        Assert.Equal(1, rig.Ring.UsedIndex);
        Assert.Equal(2ul, rig.Counters->Drops(DropReason.ReceiverBroken));
        rig.Ring.Describe(1, good, 2048, Write);
        rig.Ring.SetAvailable(1, 1);
        Assert.Equal(2, Send(queue, rig, first: 1));
        Assert.Equal(4ul, rig.Counters->Drops(DropReason.ReceiverBroken));
        Assert.Equal(1, rig.Ring.UsedIndex);
        Assert.Equal(1u, queue.Base);
    }

    private static int Send(OutputQueue queue, RingRig rig, int first = 0)
    {
        var which = stackalloc ushort[Burst.MaxFrames];
        for (int i = 0; first + i < rig.Burst.Count; i++)
            which[i] = (ushort)(first + i);
        return queue.Send(rig.Burst, which, rig.Burst.Count - first);
    }

    private static ulong Buffer(RingRig rig, ushort descriptor, uint length)
    {
        ulong buffer = rig.Put([.. Enumerable.Repeat((byte)0xcc, (int)length)]);
        rig.Ring.Describe(descriptor, buffer, length, Write);
        rig.Ring.Offer(descriptor);
        return buffer;
    }

    private static void Lend(RingRig rig, byte[] frame)
    {
        ulong at = rig.Put(frame);
        Loan.Add(rig.Burst, default, ((nuint)rig.Memory.At(at), (uint)frame.Length));
    }

    private static void LendPieces(RingRig rig, byte[] frame, int[] cuts)
    {
        var pieces = new List<(nuint, uint)>();
        int offset = 0;
        foreach (int length in cuts)
        {
            ulong at = rig.Put(frame.AsSpan(offset, length));
            pieces.Add(((nuint)rig.Memory.At(at), (uint)length));
            offset += length;
        }
        Loan.Add(rig.Burst, default, [.. pieces]);
    }

    private static byte[] Frame(ulong number, int length) =>
        NumberedFrame.Make(new MacAddress(2), new MacAddress(4), number, Math.Max(length, NumberedFrame.MinLength))[..length];
}
