using VhostSwitch.Virtio.Split;
using Xunit;

namespace VhostSwitch.Virtio.Tests.Split;

/// <summary>A split ring whose device uses buffers in the order they were made available (VIRTIO 1.2, 2.7.9).</summary>
public sealed class SplitDriverRingInOrderTests : IDisposable
{
    private const int Size = 8;
    private readonly SplitDriverRingMemory _memory = new(Size);

    public void Dispose() => _memory.Dispose();

    [Fact]
    public void TakesABatchByTheIdOfItsLastChain()
    {
        var ring = _memory.Ring(inOrder: true);
        ring.Post(0x1000, 10, false, 1);
        ring.PostChain([new(0x2000, 20, false), new(0x3000, 30, true)], 2);
        int last = ring.Post(0x4000, 40, true, 3);
        int next = ring.Post(0x5000, 50, true, 4);
        ring.Publish();
        _memory.ReturnBatch((uint)last, 3, 7);
        _memory.Return((uint)next, 5);
        var taken = new TakenChain[8];
        Assert.Equal(4, ring.TakeBurst(taken));
        // Of those before the last nothing was said: they count as used whole (2.7.9).
        Assert.Equal([(1, 0u), (2, 30u), (3, 7u), (4, 5u)], taken.Take(4).Select(t => ((int)t.Token, t.Written)));
        Assert.Equal((Size, 0), (ring.Free, ring.Pending));
    }

    [Fact]
    public void HandsABatchOutInPieces()
    {
        var ring = _memory.Ring(inOrder: true);
        int last = -1;
        for (int i = 0; i < Size; i++) last = ring.Post(1, 1, false, (ushort)i);
        ring.Publish();
        _memory.ReturnBatch((uint)last, Size);
        var taken = new TakenChain[3];
        for (int i = 0; i < Size; i += 3)
        {
            Assert.True(ring.HasUsed());
            Assert.Equal(Math.Min(3, Size - i), ring.TakeBurst(taken));
            Assert.Equal(i, taken[0].Token);
        }
        Assert.False(ring.HasUsed());
        Assert.Equal(DriverRingFault.None, ring.Fault);
    }

    [Fact]
    public void MakesDescriptorsAvailableInTheOrderOfTheTable()
    {
        // 2.7.5.2.1: next is the following descriptor, or 0 at the end of the table.
        var random = new Random(1);
        var ring = _memory.Ring(inOrder: true);
        var taken = new TakenChain[1];
        int next = 0;
        for (int i = 0; i < 1000; i++)
        {
            int count = random.Next(1, 5);
            int head = ring.PostChain(Enumerable.Range(0, count).Select(k => new RingBuffer((ulong)k, 1, false)).ToArray());
            Assert.Equal(next, head);
            ring.Publish();
            for (int k = 0; k < count; k++, next = (next + 1) % Size)
            {
                if (k < count - 1) Assert.Equal((next + 1) % Size, _memory.Descriptor(next).Next);
            }
            _memory.Return((uint)head);
            Assert.Equal(1, ring.TakeBurst(taken));
        }
    }

    [Fact]
    public void BreaksOnAnIdBeforeItsTurn()
    {
        var ring = _memory.Ring(inOrder: true);
        int first = ring.Post(1, 1, false), second = ring.Post(2, 1, false);
        ring.Publish();
        _memory.Return((uint)second);
        _memory.Return((uint)first);
        // Both are used, and the first entry may therefore stand for both; the second then names nothing new.
        Assert.Equal(2, ring.TakeBurst(new TakenChain[8]));
        ring = _memory.Ring(inOrder: true);
        ring.Post(1, 1, false);
        second = ring.Post(2, 1, false);
        ring.Publish();
        _memory.Return((uint)second);
        AssertBroken(ref ring, DriverRingFault.UsedOutOfOrder, (ulong)second);
    }

    [Fact]
    public void BreaksOnAnIdWhoseTurnWasBefore()
    {
        var ring = _memory.Ring(inOrder: true);
        int first = ring.Post(1, 1, false), second = ring.Post(2, 1, false);
        ring.Post(3, 1, false);
        ring.Publish();
        _memory.ReturnBatch((uint)second, 2);
        _memory.Return((uint)first);
        Assert.Equal(2, ring.TakeBurst(new TakenChain[8]));
        AssertBroken(ref ring, DriverRingFault.UsedIdNotOutstanding, (ulong)first);
    }

    [Fact]
    public void BreaksOnAnIdThatHeadsNoChain()
    {
        var ring = _memory.Ring(inOrder: true);
        int head = ring.PostChain([new(1, 1, false), new(2, 1, false)]);
        ring.Post(3, 1, false);
        ring.Publish();
        _memory.ReturnBatch((uint)head + 1, 2);
        AssertBroken(ref ring, DriverRingFault.UsedIdNotOutstanding, (ulong)head + 1);
    }

    [Fact]
    public void BreaksOnALengthBeyondTheLastChainOfABatch()
    {
        var ring = _memory.Ring(inOrder: true);
        ring.Post(1, 1000, true);
        int last = ring.Post(2, 10, true);
        ring.Publish();
        _memory.ReturnBatch((uint)last, 2, 11);
        AssertBroken(ref ring, DriverRingFault.UsedLengthTooLong, 11);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void LosesAndDoublesNothing(int seed)
    {
        var random = new Random(seed);
        var ring = _memory.Ring(inOrder: true);
        var held = new List<(int Id, int Token, uint Writable)>();
        var expected = new Queue<(int Token, uint Written)>();
        var taken = new TakenChain[9];
        int posted = 0, back = 0;
        while (posted < 200_000)
        {
            for (int i = random.Next(5); i > 0; i--)
            {
                var chain = new RingBuffer[random.Next(1, 4)];
                int readable = random.Next(chain.Length + 1);
                for (int k = 0; k < chain.Length; k++) chain[k] = new RingBuffer((ulong)k, (uint)random.Next(5000), k >= readable);
                int id = ring.PostChain(chain, (ushort)posted);
                if (id < 0) continue;
                held.Add((id, (ushort)posted++, (uint)chain.Where(b => b.Writable).Sum(b => b.Length)));
            }
            ring.Publish();
            while (held.Count > 0 && random.Next(4) != 0)
            {
                int batch = random.Next(1, held.Count + 1);
                var last = held[batch - 1];
                uint written = (uint)random.NextInt64(last.Writable + 1L);
                _memory.ReturnBatch((uint)last.Id, batch, written);
                for (int i = 0; i < batch; i++) expected.Enqueue((held[i].Token, i == batch - 1 ? written : held[i].Writable));
                held.RemoveRange(0, batch);
            }
            for (int count = ring.TakeBurst(taken.AsSpan(0, random.Next(1, 10))), i = 0; i < count; i++, back++)
                Assert.Equal(expected.Dequeue(), (taken[i].Token, taken[i].Written));
            Assert.Equal(expected.Count + held.Count, ring.Pending);
        }
        Assert.Equal(DriverRingFault.None, ring.Fault);
        Assert.Equal(posted, back + expected.Count + held.Count);
    }

    // Whatever a device writes into the used ring: no exception, no buffer given out twice.
    [Fact]
    public unsafe void SurvivesADeviceThatWritesAtRandom()
    {
        var random = new Random(5);
        int faults = 0, came = 0;
        var back = new TakenChain[4];
        for (int game = 0; game < 20_000; game++)
        {
            var ring = _memory.Ring(eventIndex: (game & 1) != 0, inOrder: true);
            var owned = new HashSet<int>();
            var heads = new List<int>();
            for (int step = 0; step < 12; step++)
            {
                int id = random.Next(3) == 0
                    ? ring.PostChain([new(0x1000, 10, false), new(0x2000, 20, true)], (ushort)step)
                    : ring.Post(0x1000, 64, true, (ushort)step);
                if (id >= 0)
                {
                    Assert.True(owned.Add(step));
                    heads.Add(id);
                }
                if (random.Next(8) != 0) ring.Publish();
                if (random.Next(2) == 0 && heads.Count > 0)
                {
                    // Right more often than not.
                    int batch = random.Next(1, heads.Count + 1);
                    int used = random.Next(8) == 0 ? random.Next(Size + 1) : heads[batch - 1];
                    _memory.ReturnBatch((uint)used, random.Next(8) == 0 ? random.Next(4) : batch, (uint)random.Next(22));
                    heads.RemoveRange(0, batch);
                }
                if (random.Next(16) == 0) random.NextBytes(new Span<byte>(_memory.Used, (int)SplitLayout.UsedLength(Size)));
                for (int i = ring.TakeBurst(back.AsSpan(0, random.Next(1, 5))) - 1; i >= 0; i--, came++) Assert.True(owned.Remove(back[i].Token));
                Assert.InRange(ring.Free, 0, Size);
            }
            if (ring.Fault != DriverRingFault.None) faults++;
        }
        Assert.InRange(faults, 1000, 20_000);
        Assert.True(came > 10_000, $"only {came} chains came back");
    }

    private static void AssertBroken(ref SplitDriverRing ring, DriverRingFault fault, ulong detail)
    {
        Assert.Equal(0, ring.TakeBurst(new TakenChain[8]));
        Assert.Equal((fault, detail), (ring.Fault, ring.FaultDetail));
        Assert.Equal(0, ring.TakeBurst(new TakenChain[8]));
        Assert.Equal(-1, ring.Post(0x1000, 1, true));
        Assert.True(ring.HasUsed());
        Assert.Contains(detail.ToString(), DriverRingFaults.Describe(ring.Fault, ring.FaultDetail, ring.Size));
    }
}
