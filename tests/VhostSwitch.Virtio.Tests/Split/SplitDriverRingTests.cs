using VhostSwitch.Virtio.Split;
using Xunit;

namespace VhostSwitch.Virtio.Tests.Split;

public sealed class SplitDriverRingTests : IDisposable
{
    private const int Size = 8;
    private readonly SplitDriverRingMemory _memory = new(Size);

    public void Dispose() => _memory.Dispose();

    [Fact]
    public void ClearsItsMemoryBeforeTheDeviceSeesIt()
    {
        _memory.Ring();
        Assert.Equal(0, _memory.AvailableIndex);
        Assert.Equal(0, _memory.UsedIndex);
        Assert.Equal(0, _memory.AvailEvent);
        Assert.Equal(0ul, _memory.Descriptor(Size - 1).Address);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-8)]
    [InlineData(12)]
    [InlineData(65536)]
    public void RefusesASizeThatIsNoPowerOfTwoInRange(int size) =>
        Assert.Throws<ArgumentException>(() => Make(size));

    [Fact]
    public void ShowsABurstWithOneWriteOfTheIndex()
    {
        var ring = _memory.Ring();
        int first = ring.Post(0x1000, 100, writable: true);
        int second = ring.Post(0x2000, 200, writable: false);
        Assert.Equal(0, _memory.AvailableIndex);
        Assert.False(ring.KickUndecided);
        ring.Publish();
        Assert.Equal(2, _memory.AvailableIndex);
        Assert.True(ring.KickUndecided);
        Assert.Equal(2, ring.Pending);
        Assert.Equal(first, _memory.AvailableEntry(0));
        Assert.Equal(second, _memory.AvailableEntry(1));
        Assert.Equal((0x1000ul, 100u, Descriptor.Write), Read(first));
        Assert.Equal((0x2000ul, 200u, (ushort)0), Read(second));
    }

    /// <summary>A device that takes the ring over finds what its predecessor had not used, and nothing that it had.</summary>
    [Fact]
    public void GoesOnWithAnotherDeviceWhereTheFormerOneStood()
    {
        var ring = _memory.Ring();
        for (ushort i = 0; i < 5; i++)
            ring.Post(0x1000ul * i, 100, writable: true, i);
        ring.Publish();
        ring.KickDecided();
        _memory.UsedFlags = SplitLayout.NoNotify;
        for (uint i = 0; i < 3; i++)
            _memory.Return(i, 10);
        Assert.True(ring.TryContinue(out uint position));
        Assert.Equal(3u, position);
        Assert.True(ring.WantsKick() && ring.KickUndecided);
        Span<TakenChain> taken = new TakenChain[Size];
        Assert.Equal(3, ring.TakeBurst(taken));
        _memory.Return(3, 10);
        _memory.Return(4, 10);
        Assert.Equal(2, ring.TakeBurst(taken));
        Assert.Equal((3, 4), (taken[0].Token, taken[1].Token));
        // One that was interrupted in the middle of a lie is found out.
        _memory.UsedIndex++;
        Assert.False(ring.TryContinue(out _));
        Assert.Equal(DriverRingFault.UsedIndexTooFarAhead, ring.Fault);
        Assert.False(ring.TryContinue(out _));
    }

    [Fact]
    public void LinksAChainAndFreesAllOfIt()
    {
        var ring = _memory.Ring();
        int head = ring.PostChain([new(0x1000, 10, false), new(0x2000, 20, false), new(0x3000, 30, true)]);
        ring.Publish();
        Assert.Equal(Size - 3, ring.Free);
        Assert.Equal((0x1000ul, 10u, Descriptor.HasNext), Read(head));
        int middle = _memory.Descriptor(head).Next;
        Assert.Equal((0x2000ul, 20u, Descriptor.HasNext), Read(middle));
        int last = _memory.Descriptor(middle).Next;
        Assert.Equal((0x3000ul, 30u, Descriptor.Write), Read(last));
        _memory.Return((uint)head, 30);
        Assert.Equal(1, ring.Used(8));
        Assert.Equal(head, ring.Take(out uint written));
        Assert.Equal(30u, written);
        Assert.Equal(Size, ring.Free);
        Assert.Equal(0, ring.Pending);
    }

    [Fact]
    public void PostsNothingMoreWhenNoDescriptorIsFree()
    {
        var ring = _memory.Ring();
        for (int i = 0; i < Size - 1; i++) Assert.True(ring.Post(0x1000, 1, false) >= 0);
        Assert.Equal(-1, ring.PostChain([new(1, 1, false), new(2, 1, false)]));
        Assert.True(ring.Post(0x1000, 1, false) >= 0);
        Assert.Equal(-1, ring.Post(0x1000, 1, false));
        Assert.Equal(DriverRingFault.None, ring.Fault);
    }

    [Fact]
    public void TakesBuffersBackInAnyOrder()
    {
        var ring = _memory.Ring();
        int a = ring.Post(0x1000, 1, true), b = ring.Post(0x2000, 2, true), c = ring.Post(0x3000, 3, true);
        ring.Publish();
        _memory.Return((uint)c, 3);
        _memory.Return((uint)a, 1);
        _memory.Return((uint)b, 0);
        Assert.Equal(2, ring.Used(2));
        Assert.Equal(c, ring.Take(out _));
        Assert.Equal(a, ring.Take(out _));
        Assert.Equal(1, ring.Used(2));
        Assert.Equal(b, ring.Take(out _));
        Assert.Equal(0, ring.Used(2));
    }

    [Fact]
    public void LeavesUnchangedEntriesUntouched()
    {
        var ring = _memory.Ring();
        for (int round = 0; round < 3; round++)
        {
            for (int i = 0; i < Size; i++) Assert.Equal(i, ring.Post(0x1000ul * (ulong)i, 64, true));
            ring.Publish();
            for (uint i = 0; i < Size; i++) _memory.Return(i, 64);
            for (int i = ring.Used(Size); i > 0; i--) ring.Take(out _);
            if (round != 0) continue;
            // What the device scribbles here stays: the driver neither reads it nor writes it again.
            _memory.Descriptor(3).Address = 0xbad;
            _memory.AvailableEntry(5) = 0xbad;
        }
        Assert.Equal(0xbadul, _memory.Descriptor(3).Address);
        Assert.Equal(0xbad, _memory.AvailableEntry(5));
        ring.Post(0, 64, true);
        ring.Post(0x1000, 64, true);
        ring.Post(0x2000, 64, true);
        ring.Post(0x9000, 64, true);
        Assert.Equal(0x9000ul, _memory.Descriptor(3).Address);
    }

    [Fact]
    public void PostsABurstAsFarAsDescriptorsGo()
    {
        var ring = _memory.Ring();
        var buffers = new BufferToPost[Size];
        for (int i = 0; i < Size; i++) buffers[i] = new BufferToPost { Address = 0x1000ul * (ulong)i, Length = (uint)i, Token = (ushort)(100 + i) };
        Assert.Equal(3, ring.PostBurst(buffers.AsSpan(0, 3), writable: true));
        Assert.Equal(Size - 3, ring.PostBurst(buffers, writable: false));
        Assert.Equal(0, ring.PostBurst(buffers, writable: false));
        Assert.Equal(0, _memory.AvailableIndex);
        ring.Publish();
        Assert.Equal(Size, _memory.AvailableIndex);
        Assert.Equal((0x2000ul, 2u, Descriptor.Write), Read(_memory.AvailableEntry(2)));
        Assert.Equal((0ul, 0u, (ushort)0), Read(_memory.AvailableEntry(3)));
        Assert.Equal((0x1000ul, 1u, (ushort)0), Read(_memory.AvailableEntry(4)));
        _memory.Return(_memory.AvailableEntry(2), 1);
        _memory.Return(_memory.AvailableEntry(4));
        _memory.Return(_memory.AvailableEntry(1), 1);
        var taken = new TakenChain[2];
        Assert.Equal(2, ring.TakeBurst(taken));
        Assert.Equal([(102, 1u), (101, 0u)], taken.Select(t => ((int)t.Token, t.Written)));
        Assert.Equal(1, ring.TakeBurst(taken));
        Assert.Equal((ushort)101, taken[0].Token);
        Assert.Equal(3, ring.Free);
    }

    [Fact]
    public void TakesChainsAndSingleBuffersInOneBurst()
    {
        var ring = _memory.Ring();
        int single = ring.Post(0x1000, 10, true, token: 1);
        int chain = ring.PostChain([new(0x2000, 20, true), new(0x3000, 30, true)], token: 2);
        int last = ring.Post(0x4000, 40, true, token: 3);
        ring.Publish();
        _memory.Return((uint)single, 10);
        _memory.Return((uint)chain, 50);
        _memory.Return((uint)last, 41);
        var taken = new TakenChain[8];
        Assert.Equal(2, ring.TakeBurst(taken));
        Assert.Equal([(1, 10u), (2, 50u)], taken.Take(2).Select(t => ((int)t.Token, t.Written)));
        AssertBroken(ref ring, DriverRingFault.UsedLengthTooLong, 41);
    }

    [Fact]
    public void KicksTheFirstTimeWhateverTheDeviceSays()
    {
        var ring = _memory.Ring();
        _memory.UsedFlags = SplitLayout.NoNotify;
        ring.Post(0x1000, 1, false);
        ring.Publish();
        Assert.True(ring.WantsKick());
        ring.KickDecided();
        ring.Post(0x1000, 1, false);
        ring.Publish();
        Assert.False(ring.WantsKick());
        _memory.UsedFlags = 0;
        Assert.True(ring.WantsKick());
    }

    [Fact]
    public void KicksWhenTheEventIndexIsPassed()
    {
        var ring = _memory.Ring(eventIndex: true);
        ring.Post(0x1000, 1, false);
        ring.Publish();
        Assert.True(ring.WantsKick());
        ring.KickDecided();
        _memory.AvailEvent = 2;
        ring.Post(0x1000, 1, false);
        ring.Publish();
        Assert.False(ring.WantsKick());
        ring.KickDecided();
        ring.Post(0x1000, 1, false);
        ring.Publish();
        Assert.True(ring.WantsKick());
        ring.KickDecided();
        ring.Post(0x1000, 1, false);
        ring.Publish();
        Assert.False(ring.WantsKick());
    }

    [Fact]
    public void AsksForCallsByFlagOrByEventIndex()
    {
        var byFlag = _memory.Ring();
        byFlag.DisableCalls();
        Assert.Equal(SplitLayout.NoInterrupt, _memory.AvailableFlags);
        byFlag.EnableCalls();
        Assert.Equal(0, _memory.AvailableFlags);
        var byIndex = _memory.Ring(eventIndex: true);
        byIndex.DisableCalls();
        Assert.Equal(0, _memory.AvailableFlags);
        int id = byIndex.Post(0x1000, 1, true);
        byIndex.Publish();
        _memory.Return((uint)id);
        Assert.True(byIndex.HasUsed());
        Assert.Equal(1, byIndex.Used(1));
        byIndex.Take(out _);
        Assert.False(byIndex.HasUsed());
        byIndex.EnableCalls();
        Assert.Equal(1, _memory.UsedEvent);
    }

    [Fact]
    public void BreaksWhenTheUsedIndexJumps()
    {
        foreach (int jump in new[] { 3, Size, Size + 1, 32768, 65535 })
        {
            var ring = _memory.Ring();
            ring.Post(0x1000, 1, true);
            ring.Post(0x2000, 1, true);
            ring.Publish();
            // One more is prepared but not published: not the device's either.
            ring.Post(0x3000, 1, true);
            _memory.UsedIndex = (ushort)jump;
            AssertBroken(ref ring, DriverRingFault.UsedIndexTooFarAhead, (ulong)jump);
        }
    }

    [Theory]
    [InlineData(Size)]
    [InlineData(65536)]
    [InlineData(65537)]
    [InlineData(0x8000_0000)]
    [InlineData(uint.MaxValue)]
    public void BreaksOnAUsedIdOutOfRange(uint id)
    {
        var ring = _memory.Ring();
        ring.Post(0x1000, 1, true);
        ring.Publish();
        _memory.Return(id);
        AssertBroken(ref ring, DriverRingFault.UsedIdOutOfRange, id);
    }

    [Fact]
    public void BreaksOnAUsedIdThatWasNeverPosted()
    {
        var ring = _memory.Ring();
        int id = ring.Post(0x1000, 1, true);
        ring.Publish();
        _memory.Return((uint)id + 1);
        AssertBroken(ref ring, DriverRingFault.UsedIdNotOutstanding, (ulong)id + 1);
    }

    [Fact]
    public void BreaksOnARepeatedUsedId()
    {
        var ring = _memory.Ring();
        int id = ring.Post(0x1000, 1, true);
        ring.Post(0x2000, 1, true);
        ring.Publish();
        _memory.Return((uint)id);
        _memory.Return((uint)id);
        Assert.Equal(1, ring.TakeBurst(new TakenChain[8]));
        AssertBroken(ref ring, DriverRingFault.UsedIdNotOutstanding, (ulong)id);
    }

    [Fact]
    public void BreaksOnAnIdInsideAChain()
    {
        var ring = _memory.Ring();
        int head = ring.PostChain([new(0x1000, 10, false), new(0x2000, 20, false)]);
        ring.Publish();
        int inside = _memory.Descriptor(head).Next;
        _memory.Return((uint)inside);
        AssertBroken(ref ring, DriverRingFault.UsedIdNotOutstanding, (ulong)inside);
    }

    [Fact]
    public void BreaksOnAnIdThatIsPreparedButNotPublished()
    {
        var ring = _memory.Ring();
        ring.Post(0x1000, 1, true);
        ring.Publish();
        int prepared = ring.Post(0x2000, 1, true);
        _memory.Return((uint)prepared);
        AssertBroken(ref ring, DriverRingFault.UsedIdNotOutstanding, (ulong)prepared);
    }

    [Theory]
    [InlineData(true, 101)]
    [InlineData(true, uint.MaxValue)]
    [InlineData(false, 1)]
    public void BreaksOnALengthBeyondWhatWasPostedForWriting(bool writable, uint written)
    {
        var ring = _memory.Ring();
        int id = ring.Post(0x1000, 100, writable);
        ring.Publish();
        _memory.Return((uint)id, written);
        AssertBroken(ref ring, DriverRingFault.UsedLengthTooLong, written);
    }

    [Fact]
    public void BreaksOnALengthBeyondTheWritablePartOfAChain()
    {
        var ring = _memory.Ring();
        int id = ring.PostChain([new(0x1000, 1000, false), new(0x2000, 20, true), new(0x3000, 30, true)]);
        ring.Publish();
        _memory.Return((uint)id, 51);
        AssertBroken(ref ring, DriverRingFault.UsedLengthTooLong, 51);
    }

    [Fact]
    public void NeverReadsWhatTheDeviceWritesIntoTheDriversHalf()
    {
        var ring = _memory.Ring();
        int head = ring.PostChain([new(0x1000, 10, false), new(0x2000, 20, true)]);
        int single = ring.Post(0x3000, 30, true);
        ring.Publish();
        for (int i = 0; i < Size; i++)
        {
            _memory.Descriptor(i) = new Descriptor { Address = ulong.MaxValue, Length = uint.MaxValue, Flags = 7, Next = 0xffff };
            _memory.AvailableEntry(i) = 0xffff;
        }
        _memory.AvailableIndex = 0x7777;
        _memory.Return((uint)single, 30);
        _memory.Return((uint)head, 20);
        Assert.Equal(2, ring.Used(8));
        Assert.Equal(single, ring.Take(out _));
        Assert.Equal(head, ring.Take(out _));
        Assert.Equal(Size, ring.Free);
        ring.Post(0x1000, 1, true);
        ring.Publish();
        Assert.Equal(3, _memory.AvailableIndex);
    }

    [Fact]
    public void KeepsTheFirstFault()
    {
        var ring = _memory.Ring();
        ring.Break(DriverRingFault.ShorterThanHeader, 5);
        ring.Break(DriverRingFault.BadBufferCount, 6);
        Assert.Equal(DriverRingFault.ShorterThanHeader, ring.Fault);
        Assert.Contains("5 bytes", DriverRingFaults.Describe(ring.Fault, ring.FaultDetail, Size));
    }

    // A device of our own on the other side, chains of every length, any order of return, several turns of the 16-bit index.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void LosesAndDoublesNothingAgainstADevice(int seed)
    {
        var random = new Random(seed);
        var ring = _memory.Ring();
        var device = _memory.Device();
        var owned = new Dictionary<int, (uint Writable, int Descriptors)>();
        var held = new List<(int Id, uint Written)>();
        ulong posted = 0, taken = 0, seen = 0;
        while (posted < 200_000)
        {
            for (int i = random.Next(5); i > 0; i--)
            {
                int count = random.Next(1, 4);
                var chain = new RingBuffer[count];
                int readable = random.Next(count + 1);
                for (int k = 0; k < count; k++) chain[k] = new RingBuffer((ulong)random.NextInt64(), (uint)random.Next(5000), k >= readable);
                int free = ring.Free;
                ushort token = (ushort)posted;
                var single = new BufferToPost { Address = chain[0].Address, Length = chain[0].Length, Token = token };
                bool done = count != 1 ? ring.PostChain(chain, token) >= 0
                    : random.Next(2) == 0 ? ring.Post(chain[0].Address, chain[0].Length, chain[0].Writable, token) >= 0
                    : ring.PostBurst([single], chain[0].Writable) == 1;
                Assert.Equal(free >= count, done);
                if (!done) continue;
                // Slots and tokens count alike: one each a chain.
                owned.Add(token, ((uint)chain.Where(b => b.Writable).Sum(b => b.Length), count));
                posted++;
            }
            ring.Publish();
            int ready = device.Available(random.Next(1, 9));
            Assert.True(ready >= 0);
            // The device returns what it took, shuffled; entries that it peeked stay with it until then.
            for (int i = 0; i < ready; i++)
            {
                int id = device.Peek(i, out var descriptor);
                Assert.True(id >= 0);
                int length = 1;
                uint writable = (descriptor.Flags & Descriptor.Write) != 0 ? descriptor.Length : 0;
                while ((descriptor.Flags & Descriptor.HasNext) != 0)
                {
                    Assert.True(device.Follow(ref descriptor));
                    length++;
                    if ((descriptor.Flags & Descriptor.Write) != 0) writable += descriptor.Length;
                }
                Assert.Equal(owned[(ushort)(seen++)], (writable, length));
                held.Add((id, writable));
            }
            var shuffled = held.ToArray();
            random.Shuffle(shuffled);
            for (int i = 0; i < shuffled.Length; i++) device.Use(i, shuffled[i].Id, shuffled[i].Written);
            if (shuffled.Length > 0) device.Publish(shuffled.Length);
            held.Clear();
            var back = new TakenChain[random.Next(1, 9)];
            for (int i = ring.TakeBurst(back) - 1; i >= 0; i--)
            {
                Assert.True(owned.Remove(back[i].Token, out var chain));
                Assert.Equal(chain.Writable, back[i].Written);
                taken++;
            }
            Assert.Equal(Size - owned.Values.Sum(o => o.Descriptors), ring.Free);
        }
        Assert.Equal(DriverRingFault.None, ring.Fault);
        Assert.Equal(posted, taken + (ulong)owned.Count);
    }

    // Whatever bytes a device writes, whenever: no exception, nothing outside of the ring, no buffer given out twice.
    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    public void SurvivesADeviceThatWritesAtRandom(int seed)
    {
        var random = new Random(seed);
        int faults = 0;
        for (int game = 0; game < 20_000; game++)
        {
            var ring = _memory.Ring(eventIndex: (game & 1) != 0);
            var owned = new HashSet<int>();
            int[] tokens = new int[12];
            for (int step = 0; step < 12; step++)
            {
                int id = random.Next(3) == 0
                    ? ring.PostChain([new(0x1000, 10, false), new(0x2000, 20, true)], (ushort)step)
                    : ring.Post(0x1000, 64, true, (ushort)step);
                tokens[step] = id;
                if (id >= 0) Assert.True(owned.Add(id));
                ring.Publish();
                _ = ring.WantsKick();
                if (random.Next(2) == 0 && owned.Count > 0) _memory.Return((uint)owned.ElementAt(random.Next(owned.Count)), (uint)random.Next(22));
                if (random.Next(4) == 0)
                    _memory.UsedEntry(random.Next(Size)) = new UsedElement { Id = (uint)random.Next(Size + 2), Length = (uint)random.Next(70) };
                if (random.Next(8) == 0) _memory.UsedIndex += (ushort)random.Next(3);
                if (random.Next(16) == 0) random.NextBytes(UsedBytes());
                if (random.Next(2) == 0)
                {
                    for (int used = ring.Used(4); used > 0; used--)
                    {
                        int back = ring.Take(out _);
                        if (back < 0) break;
                        Assert.True(owned.Remove(back));
                    }
                }
                else
                {
                    var taken = new TakenChain[4];
                    for (int i = ring.TakeBurst(taken) - 1; i >= 0; i--) Assert.True(owned.Remove(tokens[taken[i].Token]));
                }
            }
            if (ring.Fault != DriverRingFault.None) faults++;
        }
        Assert.InRange(faults, 1000, 20_000);
    }

    private unsafe Span<byte> UsedBytes() => new(_memory.Used, (int)SplitLayout.UsedLength(Size));

    private unsafe SplitDriverRing Make(int size) => new(_memory.Descriptors, _memory.Available, _memory.Used, size, false);

    private (ulong Address, uint Length, ushort Flags) Read(int i) =>
        (_memory.Descriptor(i).Address, _memory.Descriptor(i).Length, _memory.Descriptor(i).Flags);

    private static void AssertBroken(ref SplitDriverRing ring, DriverRingFault fault, ulong detail)
    {
        Assert.Equal(0, ring.TakeBurst(new TakenChain[8]));
        Assert.Equal(fault, ring.Fault);
        Assert.Equal(detail, ring.FaultDetail);
        Assert.Equal(-1, ring.Used(1));
        Assert.Equal(0, ring.TakeBurst(new TakenChain[8]));
        Assert.Equal(-1, ring.Post(0x1000, 1, true));
        Assert.Equal(0, ring.PostBurst(new BufferToPost[1], true));
        Assert.Equal(-1, ring.PostChain([new(1, 1, true), new(2, 1, true)]));
        Assert.True(ring.HasUsed());
        Assert.Contains(detail.ToString(), DriverRingFaults.Describe(ring.Fault, ring.FaultDetail, ring.Size));
    }
}
