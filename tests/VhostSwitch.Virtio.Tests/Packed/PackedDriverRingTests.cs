using VhostSwitch.Virtio.Packed;
using Xunit;

namespace VhostSwitch.Virtio.Tests.Packed;

public sealed class PackedDriverRingTests : IDisposable
{
    private const int Size = 5;
    private const ushort Owner = PackedDescriptor.Available | PackedDescriptor.Used;
    private readonly PackedDriverRingMemory _memory = new(Size);

    public void Dispose()
    {
        _memory.AssertUntouchedAround();
        _memory.Dispose();
    }

    [Fact]
    public void ClearsItsMemoryBeforeTheDeviceSeesIt()
    {
        _memory.Ring();
        Assert.Equal(-1, _memory.RingBytes.IndexOfAnyExcept((byte)0));
        Assert.Equal((0, 0), (_memory.DriverEvent.Flags, _memory.DriverEvent.OffsetWrap));
        Assert.Equal((0, 0), (_memory.DeviceEvent.Flags, _memory.DeviceEvent.OffsetWrap));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(32769)]
    [InlineData(65536)]
    public unsafe void RefusesASizeThatCannotBe(int size) =>
        Assert.Throws<ArgumentException>(() => new PackedDriverRing(_memory.Start, _memory.Start, _memory.Start, size, false));

    [Theory]
    [InlineData(8, 0, 0)]
    [InlineData(0, 2, 0)]
    [InlineData(0, 0, 1)]
    public unsafe void RefusesPartsThatAreNotAligned(int ring, int driverEvent, int deviceEvent)
    {
        byte* start = _memory.Start;
        Assert.Throws<ArgumentException>(() => new PackedDriverRing(start + ring, start + driverEvent, start + deviceEvent, 2, false));
    }

    [Fact]
    public void ShowsABurstWithItsFirstEntry()
    {
        var ring = _memory.Ring();
        int first = ring.Post(0x1000, 100, writable: true);
        int second = ring.Post(0x2000, 200, writable: false);
        Assert.False(_memory.IsAvailable(0, true));
        Assert.False(ring.KickUndecided);
        ring.Publish();
        Assert.True(ring.KickUndecided);
        Assert.Equal(2, ring.Pending);
        Assert.Equal((0x1000ul, 100u, first, PackedDescriptor.Available | Descriptor.Write), Read(0));
        Assert.Equal((0x2000ul, 200u, second, PackedDescriptor.Available), Read(1));
        Assert.False(_memory.IsAvailable(2, true));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(256)]
    public void TurnsTheOwnerBitsOverInEveryRound(int size)
    {
        using var memory = new PackedDriverRingMemory(size);
        var ring = memory.Ring();
        for (int i = 0; i < 5 * size; i++)
        {
            bool wrap = i / size % 2 == 0;
            int at = i % size;
            int id = ring.Post((ulong)i, 7, true, (ushort)i);
            Assert.False(memory.IsAvailable(at, wrap));
            ring.Publish();
            Assert.True(memory.IsAvailable(at, wrap));
            Assert.Equal(1, memory.Take(out int shown, out _));
            Assert.Equal(id, shown);
            Assert.False(ring.HasUsed());
            Assert.Equal(0, ring.TakeBurst(new TakenChain[2]));
            memory.Return(id, 7, otherFlags: Descriptor.Write);
            Assert.True(ring.HasUsed());
            var taken = new TakenChain[2];
            Assert.Equal(1, ring.TakeBurst(taken));
            Assert.Equal(((ushort)i, 7u), (taken[0].Token, taken[0].Written));
            Assert.False(ring.HasUsed());
        }
        Assert.Equal(DriverRingFault.None, ring.Fault);
        memory.AssertUntouchedAround();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(256)]
    public void FillsTheWholeRingAtOnce(int size)
    {
        using var memory = new PackedDriverRingMemory(size);
        var ring = memory.Ring();
        var buffers = new BufferToPost[size + 1];
        var taken = new TakenChain[size + 1];
        for (int round = 0; round < 4; round++)
        {
            // Starts at another entry each round.
            for (int i = 0; i < buffers.Length; i++) buffers[i] = new BufferToPost { Address = (ulong)i, Length = 9, Token = (ushort)i };
            Assert.Equal(size, ring.PostBurst(buffers, writable: false));
            Assert.Equal(0, ring.Free);
            Assert.Equal(-1, ring.Post(1, 1, false));
            Assert.Equal(0, memory.Take(out _, out _));
            ring.Publish();
            for (int i = 0; i < size; i++)
            {
                Assert.Equal(1, memory.Take(out int id, out _));
                memory.Return(id);
            }
            Assert.Equal(0, memory.Take(out _, out _));
            Assert.Equal(size, ring.TakeBurst(taken));
            Assert.Equal(Enumerable.Range(0, size), taken.Take(size).Select(t => (int)t.Token));
            Assert.Equal((size, 0), (ring.Free, ring.Pending));
            int one = ring.Post(1, 1, false);
            ring.Publish();
            Assert.Equal(1, memory.Take(out _, out _));
            memory.Return(one);
            Assert.Equal(1, ring.TakeBurst(taken));
        }
    }

    [Fact]
    public void LinksAChainAndFreesAllOfIt()
    {
        var ring = _memory.Ring();
        int id = ring.PostChain([new(0x1000, 10, false), new(0x2000, 20, false), new(0x3000, 30, true)], token: 77);
        Assert.False(_memory.IsAvailable(0, true));
        ring.Publish();
        Assert.Equal(Size - 3, ring.Free);
        Assert.Equal(1, ring.Pending);
        Assert.Equal((0x1000ul, 10u, id, PackedDescriptor.Available | Descriptor.HasNext), Read(0));
        Assert.Equal((0x2000ul, 20u, id, PackedDescriptor.Available | Descriptor.HasNext), Read(1));
        Assert.Equal((0x3000ul, 30u, id, PackedDescriptor.Available | Descriptor.Write), Read(2));
        _memory.Return(id, 30, entries: 3);
        var taken = new TakenChain[2];
        Assert.Equal(1, ring.TakeBurst(taken));
        Assert.Equal((30u, (ushort)77), (taken[0].Written, taken[0].Token));
        Assert.Equal((Size, 0), (ring.Free, ring.Pending));
    }

    [Fact]
    public void CarriesAChainOverTheEndOfTheRing()
    {
        var ring = _memory.Ring();
        var taken = new TakenChain[4];
        // Three entries at a time in a ring of five: each chain starts elsewhere.
        for (int i = 0; i < 20; i++)
        {
            int id = ring.PostChain([new(1, 10, false), new(2, 20, true), new(3, 30, true)], (ushort)i);
            Assert.Equal(-1, ring.PostChain([new(1, 1, false), new(2, 1, false), new(3, 1, false)]));
            ring.Publish();
            Assert.Equal(3, _memory.Take(out int shown, out uint writable));
            Assert.Equal((id, 50u), (shown, writable));
            _memory.Return(id, 50, entries: 3);
            Assert.Equal(1, ring.TakeBurst(taken));
            Assert.Equal((ushort)i, taken[0].Token);
        }
    }

    [Fact]
    public void TakesChainsBackInAnyOrder()
    {
        var ring = _memory.Ring();
        int a = ring.PostChain([new(0x1000, 10, true), new(0x2000, 10, true)], 1);
        int b = ring.Post(0x3000, 5, true, 2);
        int c = ring.PostChain([new(0x4000, 1, false), new(0x5000, 30, true)], 3);
        ring.Publish();
        _memory.Return(c, 30, entries: 2);
        _memory.Return(b, 0, entries: 1);
        _memory.Return(a, 20, entries: 2);
        var taken = new TakenChain[2];
        Assert.Equal(2, ring.TakeBurst(taken));
        Assert.Equal([(3, 30u), (2, 0u)], taken.Select(t => ((int)t.Token, t.Written)));
        Assert.Equal(3, ring.Free);
        Assert.Equal(1, ring.TakeBurst(taken));
        Assert.Equal((1, 20u), (taken[0].Token, taken[0].Written));
        Assert.Equal(0, ring.TakeBurst(taken));
        Assert.Equal(Size, ring.Free);
    }

    [Fact]
    public void KicksTheFirstTimeWhateverTheDeviceSays()
    {
        var ring = _memory.Ring();
        _memory.DeviceEvent.Flags = EventSuppression.Disable;
        Publish(ref ring, 1);
        Assert.True(ring.WantsKick());
        ring.KickDecided();
        Assert.False(ring.KickUndecided);
        Publish(ref ring, 1);
        Assert.False(ring.WantsKick());
        _memory.DeviceEvent.Flags = EventSuppression.Enable;
        Assert.True(ring.WantsKick());
    }

    [Fact]
    public void KicksWhenTheDeviceSaysWhatItCannotMean()
    {
        var withoutIndex = _memory.Ring();
        withoutIndex.KickDecided();
        Publish(ref withoutIndex, 1);
        // An entry is named without event indexes (2.8.10), one that is far away.
        _memory.DeviceEvent = new EventSuppression { OffsetWrap = 4 | PackedLayout.WrapBit, Flags = EventSuppression.AtEntry };
        Assert.True(withoutIndex.WantsKick());
        var withIndex = _memory.Ring(eventIndex: true);
        withIndex.KickDecided();
        Publish(ref withIndex, 1);
        _memory.DeviceEvent = new EventSuppression { OffsetWrap = 4 | PackedLayout.WrapBit, Flags = 3 };
        Assert.True(withIndex.WantsKick());
        _memory.DeviceEvent.Flags = EventSuppression.AtEntry;
        Assert.False(withIndex.WantsKick());
        _memory.DeviceEvent.Flags = EventSuppression.Disable;
        Assert.False(withIndex.WantsKick());
    }

    // Against numbers that never wrap: every entry that the device can name, at every place of the ring.
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(256)]
    public void KicksWhenTheEntryThatTheDeviceWantsIsPassed(int size)
    {
        var random = new Random(size);
        using var memory = new PackedDriverRingMemory(size);
        var ring = memory.Ring(eventIndex: true);
        var taken = new TakenChain[size];
        long now = 0;
        for (int round = 0; round < 400; round++)
        {
            ring.KickDecided();
            long before = now;
            for (int i = random.Next(1, 4); i > 0; i--)
            {
                int count = random.Next(1, size + 1);
                Publish(ref ring, count);
                now += count;
                for (int k = 0; k < count; k++)
                {
                    memory.Take(out int id, out _);
                    memory.Return(id);
                }
                Assert.Equal(count, ring.TakeBurst(taken));
            }
            // Prepared is not published.
            bool prepared = random.Next(2) == 0;
            if (prepared) ring.Post(1, 1, true);
            for (long wanted = now - size; wanted < now + size; wanted++)
            {
                if (wanted < 0) continue;
                bool wrap = wanted / size % 2 == 0;
                memory.DeviceEvent = new EventSuppression
                {
                    OffsetWrap = (ushort)((wanted % size) | (wrap ? PackedLayout.WrapBit : 0L)),
                    Flags = EventSuppression.AtEntry,
                };
                Assert.Equal(wanted >= before && wanted < now, ring.WantsKick());
            }
            if (!prepared) continue;
            ring.KickDecided();
            ring.Publish();
            now++;
            memory.Take(out int last, out _);
            memory.Return(last);
            Assert.Equal(1, ring.TakeBurst(taken));
        }
    }

    [Fact]
    public void AsksForCallsByFlagOrByEntry()
    {
        var byFlag = _memory.Ring();
        byFlag.DisableCalls();
        Assert.Equal(EventSuppression.Disable, _memory.DriverEvent.Flags);
        byFlag.EnableCalls();
        Assert.Equal(EventSuppression.Enable, _memory.DriverEvent.Flags);
        var byEntry = _memory.Ring(eventIndex: true);
        byEntry.DisableCalls();
        Assert.Equal(EventSuppression.Disable, _memory.DriverEvent.Flags);
        var taken = new TakenChain[1];
        for (int i = 0; i < 3 * Size; i++)
        {
            byEntry.EnableCalls();
            Assert.Equal(EventSuppression.AtEntry, _memory.DriverEvent.Flags);
            Assert.Equal((i % Size) | (i / Size % 2 == 0 ? PackedLayout.WrapBit : 0), _memory.DriverEvent.OffsetWrap);
            Publish(ref byEntry, 1);
            _memory.Take(out int id, out _);
            _memory.Return(id);
            Assert.Equal(1, byEntry.TakeBurst(taken));
        }
    }

    [Theory]
    [InlineData(Size)]
    [InlineData(Size + 1)]
    [InlineData(32768)]
    [InlineData(65535)]
    public void BreaksOnAUsedIdOutOfRange(int id)
    {
        foreach (bool inOrder in new[] { false, true })
        {
            var ring = _memory.Ring(inOrder: inOrder);
            Publish(ref ring, 2);
            _memory.Return(id);
            AssertBroken(ref ring, DriverRingFault.UsedIdOutOfRange, (ulong)id);
        }
    }

    [Fact]
    public void BreaksOnAUsedIdThatWasNeverPosted()
    {
        foreach (bool inOrder in new[] { false, true })
        {
            var ring = _memory.Ring(inOrder: inOrder);
            int id = ring.Post(0x1000, 1, true);
            ring.Publish();
            _memory.Return(id + 1);
            AssertBroken(ref ring, DriverRingFault.UsedIdNotOutstanding, (ulong)id + 1);
        }
    }

    [Fact]
    public void BreaksOnAUsedEntryWhenNothingIsOutstanding()
    {
        foreach (bool inOrder in new[] { false, true })
        {
            var ring = _memory.Ring(inOrder: inOrder);
            _memory.Return(0);
            AssertBroken(ref ring, DriverRingFault.UsedIdNotOutstanding, 0);
        }
    }

    [Fact]
    public void BreaksOnMoreUsedEntriesThanAreOutstanding()
    {
        foreach (bool inOrder in new[] { false, true })
        {
            var ring = _memory.Ring(inOrder: inOrder);
            int a = ring.Post(1, 1, true), b = ring.Post(2, 1, true);
            ring.Publish();
            _memory.Return(a);
            _memory.Return(b);
            _memory.Return(a);
            Assert.Equal(2, ring.TakeBurst(new TakenChain[8]));
            AssertBroken(ref ring, DriverRingFault.UsedIdNotOutstanding, (ulong)a);
        }
    }

    [Fact]
    public void BreaksOnARepeatedUsedId()
    {
        var ring = _memory.Ring();
        int id = ring.Post(0x1000, 1, true);
        ring.Post(0x2000, 1, true);
        ring.Publish();
        _memory.Return(id);
        _memory.Return(id);
        Assert.Equal(1, ring.TakeBurst(new TakenChain[8]));
        AssertBroken(ref ring, DriverRingFault.UsedIdNotOutstanding, (ulong)id);
    }

    [Fact]
    public void BreaksOnAnIdThatIsPreparedButNotPublished()
    {
        foreach (bool inOrder in new[] { false, true })
        {
            var ring = _memory.Ring(inOrder: inOrder);
            Publish(ref ring, 1);
            int prepared = ring.Post(0x2000, 1, true);
            _memory.Return(prepared);
            AssertBroken(ref ring, DriverRingFault.UsedIdNotOutstanding, (ulong)prepared);
        }
    }

    [Theory]
    [InlineData(true, 101)]
    [InlineData(true, uint.MaxValue)]
    [InlineData(false, 1)]
    public void BreaksOnALengthBeyondWhatWasPostedForWriting(bool writable, uint written)
    {
        foreach (bool inOrder in new[] { false, true })
        {
            var ring = _memory.Ring(inOrder: inOrder);
            int id = ring.Post(0x1000, 100, writable);
            ring.Publish();
            _memory.Return(id, written);
            AssertBroken(ref ring, DriverRingFault.UsedLengthTooLong, written);
        }
    }

    [Fact]
    public void BreaksOnALengthBeyondTheWritablePartOfAChain()
    {
        var ring = _memory.Ring();
        int id = ring.PostChain([new(0x1000, 1000, false), new(0x2000, 20, true), new(0x3000, 30, true)]);
        ring.Publish();
        _memory.Return(id, 51, entries: 3);
        AssertBroken(ref ring, DriverRingFault.UsedLengthTooLong, 51);
    }

    [Fact]
    public void TakesNoNoticeOfOtherFlagsOfAUsedEntry()
    {
        // DPDK leaves NEXT where the driver set it; the reserved bits mean nothing (2.8.13).
        var ring = _memory.Ring();
        int id = ring.PostChain([new(1, 1, false), new(2, 1, false)]);
        ring.Publish();
        _memory.Return(id, entries: 2, otherFlags: unchecked((ushort)~Owner));
        Assert.Equal(1, ring.TakeBurst(new TakenChain[8]));
        Assert.Equal(Size, ring.Free);
    }

    [Fact]
    public void TakesNoNoticeOfALengthWithoutTheFlagThatItWasWritten()
    {
        // 2.8.4. DPDK leaves the driver's own length there.
        foreach (bool inOrder in new[] { false, true })
        {
            var ring = _memory.Ring(inOrder: inOrder);
            int readable = ring.Post(1, 72, false, 1), writable = ring.Post(2, 100, true, 2);
            ring.Publish();
            _memory.Return(readable, 72, otherFlags: 0);
            _memory.Return(writable, 99, otherFlags: 0);
            var taken = new TakenChain[4];
            Assert.Equal(2, ring.TakeBurst(taken));
            Assert.Equal([(1, 0u), (2, 0u)], taken.Take(2).Select(t => ((int)t.Token, t.Written)));
            Assert.Equal(DriverRingFault.None, ring.Fault);
        }
    }

    [Fact]
    public void ReadsNothingButUsedEntries()
    {
        var ring = _memory.Ring();
        int chain = ring.PostChain([new(0x1000, 10, false), new(0x2000, 20, true)], 1);
        int single = ring.Post(0x3000, 30, true, 2);
        ring.Publish();
        const ushort notUsed = 0xffff & ~Owner;
        for (int i = 1; i < Size; i++)
            _memory.Entry(i) = new PackedDescriptor { Address = ulong.MaxValue, Length = uint.MaxValue, Id = 0xffff, Flags = notUsed };
        _memory.Entry(0).Address = ulong.MaxValue;
        _memory.Return(chain, 20, entries: 2);
        _memory.Return(single, 30);
        var taken = new TakenChain[4];
        Assert.Equal(2, ring.TakeBurst(taken));
        Assert.Equal([(1, 20u), (2, 30u)], taken.Take(2).Select(t => ((int)t.Token, t.Written)));
        Assert.Equal(Size, ring.Free);
    }

    [Fact]
    public void KeepsTheFirstFault()
    {
        var ring = _memory.Ring();
        ring.Break(DriverRingFault.ShorterThanHeader, 5);
        ring.Break(DriverRingFault.BadBufferCount, 6);
        Assert.Equal((DriverRingFault.ShorterThanHeader, 5ul), (ring.Fault, ring.FaultDetail));
    }

    [Fact]
    public void TakesABatchByTheIdOfItsLastChain()
    {
        var ring = _memory.Ring(inOrder: true);
        ring.Post(0x1000, 10, false, 1);
        ring.PostChain([new(0x2000, 20, false), new(0x3000, 30, true)], 2);
        int last = ring.Post(0x4000, 40, true, 3);
        ring.Publish();
        int next = ring.Post(0x5000, 50, true, 4);
        ring.Publish();
        _memory.Return(last, 7, entries: 4);
        _memory.Return(next, 5);
        var taken = new TakenChain[8];
        Assert.Equal(4, ring.TakeBurst(taken));
        // Of those before the last nothing was said: they count as used whole (2.8.8).
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
        _memory.Return(last, entries: Size);
        var taken = new TakenChain[2];
        for (int i = 0; i < Size; i += 2)
        {
            Assert.True(ring.HasUsed());
            int count = ring.TakeBurst(taken);
            Assert.Equal(Math.Min(2, Size - i), count);
            Assert.Equal(i, taken[0].Token);
        }
        Assert.False(ring.HasUsed());
        Assert.Equal(0, ring.TakeBurst(taken));
        Assert.Equal(DriverRingFault.None, ring.Fault);
    }

    [Fact]
    public void BreaksInsideABatchThatWasOutOfOrder()
    {
        var ring = _memory.Ring(inOrder: true);
        int first = ring.Post(1, 1, false), second = ring.Post(2, 1, false);
        Publish(ref ring, 1);
        // The second before the first looks like a batch of both; the first is then told of too late.
        _memory.Return(second);
        _memory.Return(first);
        Assert.Equal(2, ring.TakeBurst(new TakenChain[2]));
        _memory.Entry(2) = new PackedDescriptor { Id = (ushort)first, Flags = Owner };
        AssertBroken(ref ring, DriverRingFault.UsedIdNotOutstanding, (ulong)first);
    }

    // A device that returns chains in any order, or in order and in batches: all sizes, chains of every length, many rounds.
    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, false)]
    [InlineData(5, false)]
    [InlineData(256, false)]
    [InlineData(1, true)]
    [InlineData(2, true)]
    [InlineData(3, true)]
    [InlineData(5, true)]
    [InlineData(256, true)]
    public void LosesAndDoublesNothing(int size, bool inOrder)
    {
        var random = new Random(size);
        using var memory = new PackedDriverRingMemory(size);
        var ring = memory.Ring(inOrder: inOrder);
        var owned = new Dictionary<int, (uint Writable, int Count)>();
        var order = new Queue<int>();
        var tokens = new Dictionary<int, int>();
        var held = new List<(int Id, uint Writable, int Count)>();
        var expected = new Queue<(int Token, uint Written)>();
        var taken = new TakenChain[9];
        int posted = 0, back = 0;
        while (posted < 100_000)
        {
            for (int i = random.Next(5); i > 0; i--)
            {
                int count = random.Next(1, Math.Min(size, 4) + 1);
                int free = ring.Free;
                int token = posted & 0xffff;
                int id = Post(ref ring, random, count, (ushort)token, out uint writable);
                Assert.Equal(free >= count, id >= 0);
                if (id < 0) continue;
                tokens.Add(id, token);
                owned.Add(token, (writable, count));
                order.Enqueue(token);
                posted++;
            }
            ring.Publish();
            while (random.Next(8) != 0)
            {
                int count = memory.Take(out int id, out uint writable);
                if (count == 0) break;
                int token = order.Dequeue();
                Assert.Equal((token, owned[token]), (tokens[id], (writable, count)));
                held.Add((id, writable, count));
            }
            while (held.Count > 0 && random.Next(8) != 0)
            {
                int batch = inOrder ? random.Next(1, held.Count + 1) : 1;
                int at = inOrder ? batch - 1 : random.Next(held.Count);
                uint written = (uint)random.NextInt64(held[at].Writable + 1L);
                memory.Return(held[at].Id, written, inOrder ? held.Take(batch).Sum(h => h.Count) : held[at].Count);
                for (int i = inOrder ? 0 : at; i <= at; i++)
                    expected.Enqueue((tokens[held[i].Id], i == at ? written : held[i].Writable));
                held.RemoveRange(inOrder ? 0 : at, batch);
            }
            for (int count = ring.TakeBurst(taken.AsSpan(0, random.Next(1, 10))), i = 0; i < count; i++, back++)
            {
                Assert.Equal(expected.Dequeue(), (taken[i].Token, taken[i].Written));
                Assert.True(owned.Remove(taken[i].Token));
                tokens.Remove(tokens.Single(t => t.Value == taken[i].Token).Key);
            }
            Assert.Equal(size - owned.Values.Sum(o => o.Count), ring.Free);
            Assert.Equal(owned.Count, ring.Pending);
            Assert.Equal(expected.Count != 0, ring.HasUsed());
        }
        Assert.Equal(DriverRingFault.None, ring.Fault);
        Assert.Equal(posted, back + owned.Count);
        memory.AssertUntouchedAround();
    }

    // The device side of this library, which returns in order.
    [Theory]
    [InlineData(2, false, false)]
    [InlineData(5, true, false)]
    [InlineData(5, false, true)]
    [InlineData(256, true, true)]
    public void UnderstandsTheDeviceSide(int size, bool eventIndex, bool inOrder)
    {
        var random = new Random(size);
        using var memory = new PackedDriverRingMemory(size);
        var ring = memory.Ring(eventIndex, inOrder);
        var device = memory.Device(eventIndex, inOrder);
        var taken = new TakenChain[9];
        int posted = 0, seen = 0, back = 0;
        while (back < 50_000)
        {
            for (int i = random.Next(5); i > 0; i--)
            {
                if (Post(ref ring, random, random.Next(1, Math.Min(size, 4) + 1), (ushort)posted, out _) >= 0) posted++;
            }
            ring.Publish();
            _ = ring.WantsKick();
            ring.KickDecided();
            int ready = device.Available(random.Next(1, 9)), done = 0;
            for (; done < ready; done++)
            {
                int id = device.Peek(done, out var descriptor);
                if (id < 0) break;
                uint writable = (descriptor.Flags & Descriptor.Write) != 0 ? descriptor.Length : 0;
                while ((descriptor.Flags & Descriptor.HasNext) != 0)
                {
                    Assert.True(device.Follow(ref descriptor));
                    if ((descriptor.Flags & Descriptor.Write) != 0) writable += descriptor.Length;
                }
                device.Use(done, id, writable);
                seen++;
            }
            if (done > 0) device.Publish(done);
            for (int count = ring.TakeBurst(taken), i = 0; i < count; i++) Assert.Equal((ushort)back++, taken[i].Token);
            Assert.Equal((DriverRingFault.None, RingFault.None), (ring.Fault, device.Fault));
        }
        Assert.True(posted >= seen && seen >= back);
    }

    // Whatever bytes a device writes, whenever: no exception, nothing outside of the ring, no buffer given out twice.
    [Theory]
    [InlineData(11, false)]
    [InlineData(12, false)]
    [InlineData(13, true)]
    [InlineData(14, true)]
    public void SurvivesADeviceThatWritesAtRandom(int seed, bool inOrder)
    {
        var random = new Random(seed);
        int faults = 0, taken = 0;
        var back = new TakenChain[4];
        for (int game = 0; game < 20_000; game++)
        {
            var ring = _memory.Ring(eventIndex: (game & 1) != 0, inOrder);
            var owned = new HashSet<int>();
            var ids = new List<int>();
            bool wrap = true;
            int at = 0;
            for (int step = 0; step < 12; step++)
            {
                int id = random.Next(3) == 0
                    ? ring.PostChain([new(0x1000, 10, false), new(0x2000, 20, true)], (ushort)step)
                    : ring.Post(0x1000, 64, true, (ushort)step);
                if (id >= 0)
                {
                    Assert.True(owned.Add(step));
                    ids.Add(id);
                }
                ring.Publish();
                _ = ring.WantsKick();
                if (random.Next(2) == 0) ring.KickDecided();
                if (random.Next(2) == 0 && ids.Count > 0)
                {
                    // Right more often than not.
                    ushort flags = (ushort)(random.Next(8) == 0 ? random.Next(65536) : (wrap ? Owner : 0) | Descriptor.Write);
                    int used = random.Next(8) == 0 ? random.Next(Size + 1) : ids[0];
                    ids.RemoveAt(0);
                    _memory.Entry(at) = new PackedDescriptor { Id = (ushort)used, Length = (uint)random.Next(22), Flags = flags };
                    if (++at == Size) (at, wrap) = (0, !wrap);
                }
                if (random.Next(16) == 0) random.NextBytes(_memory.RingBytes);
                if (random.Next(4) == 0)
                    _memory.DeviceEvent = new EventSuppression { OffsetWrap = (ushort)random.Next(65536), Flags = (ushort)random.Next(4) };
                _ = ring.HasUsed();
                for (int i = ring.TakeBurst(back.AsSpan(0, random.Next(1, 5))) - 1; i >= 0; i--, taken++) Assert.True(owned.Remove(back[i].Token));
                Assert.InRange(ring.Free, 0, Size);
                Assert.InRange(ring.Pending, 0, Size);
            }
            if (ring.Fault != DriverRingFault.None) faults++;
        }
        Assert.InRange(faults, 1000, 20_000);
        Assert.True(taken > 10_000, $"only {taken} chains came back");
    }

    [Fact]
    public void AllocatesNothingWhileItRuns()
    {
        var ring = _memory.Ring(eventIndex: true);
        var buffers = new BufferToPost[2];
        var taken = new TakenChain[4];
        long before = 0;
        for (int i = 0; i < 2000; i++)
        {
            if (i == 1000) before = GC.GetAllocatedBytesForCurrentThread();
            ring.PostBurst(buffers, true);
            ring.PostChain([new RingBuffer(1, 1, false), new RingBuffer(2, 2, true)]);
            ring.Publish();
            if (ring.WantsKick()) ring.KickDecided();
            for (int k = 0; k < 3; k++)
            {
                int count = _memory.Take(out int id, out _);
                _memory.Return(id, 0, count);
            }
            if (ring.TakeBurst(taken) != 3) Assert.Fail("a chain did not come back");
            ring.EnableCalls();
        }
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    private static int Post(ref PackedDriverRing ring, Random random, int count, ushort token, out uint writable)
    {
        var chain = new RingBuffer[count];
        int readable = random.Next(count + 1);
        for (int k = 0; k < count; k++) chain[k] = new RingBuffer((ulong)random.NextInt64(), (uint)random.Next(5000), k >= readable);
        writable = (uint)chain.Where(b => b.Writable).Sum(b => b.Length);
        return count != 1 ? ring.PostChain(chain, token) : ring.Post(chain[0].Address, chain[0].Length, chain[0].Writable, token);
    }

    private static void Publish(ref PackedDriverRing ring, int count)
    {
        for (int i = 0; i < count; i++) Assert.True(ring.Post(0x1000, 100, true) >= 0);
        ring.Publish();
    }

    private (ulong Address, uint Length, int Id, int Flags) Read(int i) =>
        (_memory.Entry(i).Address, _memory.Entry(i).Length, _memory.Entry(i).Id, _memory.Entry(i).Flags);

    private static void AssertBroken(ref PackedDriverRing ring, DriverRingFault fault, ulong detail)
    {
        Assert.Equal(0, ring.TakeBurst(new TakenChain[8]));
        Assert.Equal((fault, detail), (ring.Fault, ring.FaultDetail));
        Assert.Equal(0, ring.TakeBurst(new TakenChain[8]));
        Assert.Equal(-1, ring.Post(0x1000, 1, true));
        Assert.Equal(0, ring.PostBurst(new BufferToPost[1], true));
        Assert.Equal(-1, ring.PostChain([new(1, 1, true), new(2, 1, true)]));
        Assert.True(ring.HasUsed());
        Assert.Contains(detail.ToString(), DriverRingFaults.Describe(ring.Fault, ring.FaultDetail, ring.Size));
    }
}
