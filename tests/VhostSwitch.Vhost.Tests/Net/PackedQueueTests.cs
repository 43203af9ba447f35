using VhostSwitch.Dataplane;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Packed;
using static VhostSwitch.Virtio.Descriptor;

namespace VhostSwitch.Vhost.Tests.Net;

/// <summary>Frames from and to a guest with packed rings that keeps the rules.</summary>
public sealed unsafe class PackedQueueTests
{
    [Theory]
    [InlineData(5, false)]
    [InlineData(5, true)]
    public void LooksEmptyFromAnEmptyBurstToTheNextFrame(int size, bool inOrder)
    {
        using var rig = new PackedRig(PackedRig.Packed | (inOrder ? Features.InOrder : 0), size, start: 3);
        var queue = rig.Dequeue();
        ulong at = rig.Put(new byte[100]);
        Assert.False(queue.LooksEmpty);
        for (int i = 0; i < 4 * size; i++)
        {
            queue.Receive(rig.Burst);
            Assert.Equal((0, true), (rig.Burst.Count, queue.LooksEmpty));
            rig.Ring.Offer((ushort)(i % size), at, 100);
            Assert.False(queue.LooksEmpty);
            queue.Receive(rig.Burst);
            queue.Return(rig.Burst);
            Assert.Equal((1, false), (rig.Burst.Count, queue.LooksEmpty));
            rig.Ring.TryTake(out _);
        }
    }

    [Theory]
    [InlineData(5, false)]
    [InlineData(5, true)]
    [InlineData(33, false)]
    [InlineData(33, true)]
    public void TakesFramesOfEveryShapeForManyRounds(int size, bool inOrder)
    {
        using var rig = new PackedRig(PackedRig.Packed | (inOrder ? Features.InOrder : 0), size, start: 3);
        var queue = rig.Dequeue();
        ulong at = rig.Allocate(4096), table = rig.Allocate(256);
        var waiting = new Queue<(ushort Id, byte[] Frame)>();
        var ids = new Queue<ushort>(Enumerable.Range(0, size).Select(i => (ushort)i));
        for (ulong number = 0; number < 600; number++)
        {
            byte[] frame = PackedRig.Frame(number, 40 + (int)(number % 100));
            uint length = (uint)frame.Length;
            if (number % 4 > 0)
            {
                // One at a time in the same place.
                Drain();
                rig.Memory.Write(at, [.. new byte[12], .. frame]);
            }
            ushort id = ids.Dequeue();
            switch (number % 4)
            {
                case 0: ids.Enqueue(id); continue;
                case 1: rig.Ring.Offer(id, at, 12 + length); break;
                case 2: rig.Ring.OfferChain(id, new(at, 5), new(at + 5, 20), new(at + 25, 0), new(at + 25, length - 13)); break;
                default:
                    // DPDK's driver marks the header of what it sends as written by the device.
                    rig.DescribeIndirect(table, 0, at, 12, Write);
                    rig.DescribeIndirect(table, 1, at + 12, 3, HasNext);
                    rig.DescribeIndirect(table, 2, at + 15, length - 3);
                    rig.Ring.Offer(id, table, 48, (ushort)(number % 8 == 3 ? Indirect : Indirect | Write));
                    break;
            }
            waiting.Enqueue((id, frame));
        }
        Drain();
        Assert.Equal(RingFault.None, queue.Fault);

        void Drain()
        {
            while (waiting.TryDequeue(out var expected))
            {
                queue.Receive(rig.Burst);
                Assert.Equal((1, RingFault.None), (rig.Burst.Count, queue.Fault));
                Assert.Equal(expected.Frame, Loan.Bytes(rig.Burst, 0));
                queue.Return(rig.Burst);
                Assert.Equal([expected.Id], rig.Ring.TryTake(out var used));
                Assert.Equal(0u, used.Length);
                ids.Enqueue(expected.Id);
            }
            queue.Receive(rig.Burst);
            Assert.Equal(0, rig.Burst.Count);
        }
    }

    [Fact]
    public void InOrderABurstIsGivenBackByOneEntry()
    {
        using var rig = new PackedRig(PackedRig.Packed | Features.InOrder, size: 40, start: 30);
        var queue = rig.Dequeue();
        ulong at = rig.PutFrame(PackedRig.Frame(1));
        for (ushort i = 0; i < 40; i++)
            rig.Ring.Offer(i, at, 72);
        queue.Receive(rig.Burst);
        Assert.Equal(32, rig.Burst.Count);
        queue.Return(rig.Burst);
        Assert.Equal(Enumerable.Range(0, 32).Select(i => (ushort)i), rig.Ring.TryTake(out _));
        Assert.Empty(rig.Ring.TryTake(out _));
    }

    [Theory]
    [InlineData(7, false)]
    [InlineData(7, true)]
    [InlineData(64, false)]
    [InlineData(64, true)]
    public void MergesBuffersForManyRounds(int size, bool inOrder)
    {
        using var rig = new PackedRig(PackedRig.Packed | Features.MrgRxbuf | (inOrder ? Features.InOrder : 0), size, start: 5);
        var queue = rig.Enqueue();
        ulong buffers = rig.Allocate((ulong)size * 128);
        for (ushort i = 0; i < size; i++)
            rig.Ring.Offer(i, buffers + (i * 128ul), 128, Write);
        for (ulong number = 0; number < 400; number++)
        {
            byte[] small = PackedRig.Frame(number, 50), large = PackedRig.Frame(number, 128 + (int)(number % 300));
            Assert.Equal(2, rig.Send(queue, small, large));
            Assert.Equal(small, Taken());
            Assert.Equal(large, Taken());
            Assert.Empty(rig.Ring.TryTake(out _));
        }
        Assert.Equal(RingFault.None, queue.Fault);

        byte[] Taken()
        {
            var bytes = new List<byte>();
            int count = 1;
            for (int i = 0; i < count; i++)
            {
                ushort id = Assert.Single(rig.Ring.TryTake(out var used));
                Assert.NotEqual(0, used.Flags & Write);
                byte[] part = rig.Memory.Read(buffers + (id * 128ul), (int)used.Length);
                if (i == 0) count = part[10];
                bytes.AddRange(i == 0 ? part[12..] : part);
                if (i < count - 1) Assert.Equal(128, part.Length);
                rig.Ring.Offer(id, buffers + (id * 128ul), 128, Write);
            }
            return [.. bytes];
        }
    }

    [Fact]
    public void FillsChainsAndIndirectBuffersAcrossRegions()
    {
        using var rig = new PackedRig(size: 6, start: 4);
        var queue = rig.Enqueue();
        ulong table = RingRig.Boundary - 24, second = RingRig.Boundary + 0x8000;
        rig.DescribeIndirect(table, 0, RingRig.Boundary - 200, 80, Write);
        rig.DescribeIndirect(table, 1, second, 400, Write);
        rig.Ring.Offer(2, table, 32, Indirect);
        ulong chained = rig.Allocate(1000);
        rig.Ring.OfferChain(3, new(chained, 1, Write), new(chained + 1, 0, Write), new(chained + 1, 999, Write));
        byte[] first = PackedRig.Frame(1, 300), other = PackedRig.Frame(2, 500);
        Assert.Equal(2, rig.Send(queue, first, other));
        byte[] received = [.. rig.Memory.Read(RingRig.Boundary - 188, 68), .. rig.Memory.Read(second, 232)];
        Assert.Equal(first, received);
        Assert.Equal(other, rig.Memory.Read(chained + 12, 500));
        Assert.Equal([2], rig.Ring.TryTake(out var used));
        Assert.Equal(312u, used.Length);
        Assert.Equal([3], rig.Ring.TryTake(out used));
        Assert.Equal(512u, used.Length);
    }

    [Fact]
    public void KeepsBackAMergedFrameUntilThereAreEnoughBuffers()
    {
        using var rig = new PackedRig(PackedRig.Packed | Features.MrgRxbuf, size: 5, start: 9);
        var queue = rig.Enqueue();
        ulong at = rig.Allocate(1000);
        rig.Ring.Offer(0, at, 100, Write);
        rig.Ring.OfferChain(1, new(at + 100, 50, Write), new(at + 150, 50, Write));
        byte[] small = PackedRig.Frame(1, 60), large = PackedRig.Frame(2, 300);
        Assert.Equal(1, rig.Send(queue, small, large));
        Assert.Equal([0], rig.Ring.TryTake(out _));
        Assert.Empty(rig.Ring.TryTake(out _));
        rig.Ring.Offer(2, at + 200, 300, Write);
        Assert.Equal(1, rig.Send(queue, large));
        Assert.Equal([1], rig.Ring.TryTake(out _));
        Assert.Equal([2], rig.Ring.TryTake(out _));
        Assert.Equal(large, rig.Memory.Read(at + 112, 300));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void CallsWhenTheNamedEntryIsPassed(bool toGuest)
    {
        using var rig = new PackedRig(PackedRig.Packed | Features.EventIdx, size: 3, start: 2);
        OutputQueue? output = toGuest ? rig.Enqueue() : null;
        InputQueue? input = toGuest ? null : rig.Dequeue();
        Assert.Equal(EventSuppression.Disable, rig.Ring.DeviceEvent.Flags);
        ulong at = rig.PutFrame(PackedRig.Frame(1));
        // The first time is always told.
        Assert.Equal(1, Pass());
        rig.Ring.DriverEvent = new EventSuppression { Flags = EventSuppression.AtEntry, OffsetWrap = rig.Ring.PositionOf(5).Value };
        int[] calls = [.. Enumerable.Range(0, 5).Select(_ => Pass())];
        Assert.Equal([0, 0, 1, 0, 0], calls);

        int Pass()
        {
            rig.Ring.Offer(0, at, 72, toGuest ? Write : (ushort)0);
            if (output is not null) rig.Send(output, PackedRig.Frame(2));
            else
            {
                input!.Receive(rig.Burst);
                input.Return(rig.Burst);
            }
            Assert.Equal([0], rig.Ring.TryTake(out _));
            return rig.Calls > 0 ? 1 : 0;
        }
    }
}
