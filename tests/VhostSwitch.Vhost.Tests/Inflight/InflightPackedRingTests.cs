using VhostSwitch.TestKit.Guest;
using VhostSwitch.Vhost.Inflight;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Packed;

namespace VhostSwitch.Vhost.Tests.Inflight;

/// <summary>As <see cref="InflightSplitRingTests"/>, for packed rings: chains of several descriptors, and rings of any size.</summary>
public sealed unsafe class InflightPackedRingTests : IDisposable
{
    private readonly GuestMemoryMap _memory = new("inflight-packed");
    private readonly List<Offered> _missing = [];
    private readonly Random _random = new(6);
    private PackedDriverModel _driver = null!;
    private byte* _part;
    private ushort _nextId;
    private ulong _numbers;

    public void Dispose()
    {
        Assert.True(_memory.GuardsAreIntact);
        _memory.Dispose();
    }

    [Theory]
    [InlineData(1, 1, false)]
    [InlineData(3, 1, false)]
    [InlineData(3, 2, false)]
    [InlineData(2, 4, false)]
    [InlineData(1, 9, false)]
    [InlineData(3, 2, true)]
    [InlineData(9, 1, true)]
    public void WhereverABurstEndsByDeathNothingIsLostOrGivenBackTwice(int burst, int longest, bool inOrder)
    {
        SetUp(9, inOrder);
        int deaths = 0;
        for (int store = 1; ; store++)
        {
            Offer(burst, longest);
            bool died = !Live(store, burst);
            TakeBack();
            Offer(store % 3, 3);
            Assert.True(Live(0, 9));
            TakeBack();
            Assert.Empty(_missing);
            // Every store was someone's last.
            if (!died && store > 16 * 9) break;
            if (died) deaths++;
        }
        if (longest == 1) Assert.Equal((11 * burst) + (inOrder ? 1 : burst) + 3, deaths);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(5, false)]
    [InlineData(9, false)]
    [InlineData(16, false)]
    [InlineData(5, true)]
    [InlineData(9, true)]
    public void BackEndsThatDieOneAfterTheOtherLoseNothing(int size, bool inOrder)
    {
        SetUp(size, inOrder);
        for (int death = 0; death < 3000; death++)
        {
            if (_random.Next(2) == 0) TakeBack();
            Offer(_random.Next(size), 4);
            Live(_random.Next(1, 80), _random.Next(1, size + 1));
        }
        TakeBack();
        Assert.True(Live(0, size));
        TakeBack();
        Assert.Empty(_missing);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(9)]
    [InlineData(16)]
    public void AnotherBackEndThatFinishesInAnyOrderMayDieAnywhere(int size)
    {
        SetUp(size, inOrder: false);
        for (int death = 0; death < 3000; death++)
        {
            Offer(_random.Next(size + 1), 4);
            var life = new Life(_random.Next(1, 80));
            var other = new OtherBackEnd(_part, _driver, life);
            try
            {
                for (int i = 0; i < 4; i++)
                    other.Turn(_random);
            }
            catch (DeathException)
            {
            }
            TakeBack(inOrder: false);
            Offer(_random.Next(3), 4);
            List<Offered> expected = [.. _missing.OrderBy(o => other.InFlight.Contains(o.Id) ? 0 : 1)];
            _missing.Clear();
            _missing.AddRange(expected);
            Assert.True(Live(0, _random.Next(1, size + 1)));
            TakeBack();
            Assert.Empty(_missing);
        }
    }

    [Fact]
    public void MemoryThatNobodyHasUsedIsInitialised()
    {
        SetUp(3, inOrder: false, start: 5);
        new Span<byte>(_part, PackedInflightLayout.LengthFor(3)).Fill(0xee);
        U16(8) = 0;
        Ring();
        Assert.Equal((1, 3, 0, 0), (U16(8), U16(10), U16(12), U16(14)));
        Assert.Equal((2, 2, 0, 0), (U16(16), U16(18), _part[20], _part[21]));
        Assert.Equal([1, 2, 3], Enumerable.Range(0, 3).Select(i => (int)U16(32 + (32 * i) + 2)));
    }

    [Theory]
    [InlineData(8, 2)]
    [InlineData(10, 4)]
    [InlineData(10, 6)]
    [InlineData(10, 65535)]
    [InlineData(12, 6)]
    [InlineData(12, 65535)]
    [InlineData(14, 6)]
    [InlineData(14, 65535)]
    [InlineData(16, 5)]
    [InlineData(18, 5)]
    [InlineData(18, 65535)]
    public void Cve20213839MemoryThatNamesWhatIsNotThereIsRefused(int offset, int value)
    {
        SetUp(5, inOrder: false);
        Ring();
        U16(offset) = (ushort)value;
        Assert.Throws<VhostException>(() => Ring());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Dpdk5a4fbe79e6ACircleOfFreeEntriesIsRefused(int to)
    {
        SetUp(5, inOrder: false);
        Ring();
        U16(32 + (32 * 3) + 2) = (ushort)to;
        Assert.Throws<VhostException>(() => Ring());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(65535)]
    public void ABufferOfMoreDescriptorsThanItHasIsRefused(int count)
    {
        SetUp(5, inOrder: false);
        Ring();
        // Entry 0 is in flight and the only one that is not free.
        U16(12) = U16(14) = 1;
        _part[32] = 1;
        U16(32 + 6) = (ushort)count;
        Assert.Throws<VhostException>(() => Ring());
    }

    [Fact]
    public void WhateverIsInTheMemoryItIsRefusedOrSomethingIsTaken()
    {
        SetUp(5, inOrder: false);
        byte[] noise = new byte[PackedInflightLayout.LengthFor(5)];
        int taken = 0;
        for (int i = 0; i < 5000; i++)
        {
            _random.NextBytes(noise);
            noise.CopyTo(new Span<byte>(_part, noise.Length));
            U16(8) = 1;
            U16(10) = 5;
            for (int offset = 12; offset < 20; offset += 2)
                U16(offset) = (ushort)_random.Next(offset < 16 ? 6 : 5);
            for (int e = 0; e < 5; e++)
            {
                _part[32 + (32 * e)] = (byte)_random.Next(2);
                U16(32 + (32 * e) + 2) = (ushort)_random.Next(6);
                U16(32 + (32 * e) + 6) = (ushort)_random.Next(3);
            }
            try
            {
                var ring = Ring();
                int left = ring.Available(5);
                for (int p = 0; p < left && ring.Peek(p, out var descriptor) >= 0; p++)
                {
                    while ((descriptor.Flags & Descriptor.HasNext) != 0 && ring.Follow(ref descriptor))
                        taken++;
                }
            }
            catch (VhostException)
            {
                // Refused.
            }
        }
        Assert.True(taken > 0, "no noise was ever taken for a buffer");
    }

    private ref ushort U16(int offset) => ref *(ushort*)(_part + offset);

    private void SetUp(int size, bool inOrder, ulong start = 0)
    {
        _memory.Add(0x10000, 0x10000);
        // The area's end is the region's: what is behind it is a guard.
        var area = _memory.Add(0x100000, 4096);
        _part = _memory.At(area.End - (ulong)PackedInflightLayout.LengthFor(size));
        _driver = new PackedDriverModel(_memory, size, inOrder, start);
    }

    private InflightPackedRing Ring()
    {
        var recovery = PackedInflightRecovery.Read(_part, (PackedDescriptor*)_driver.Ring, _driver.Size, _driver.First);
        return new InflightPackedRing(_driver.Device(at: recovery.Used), _part, recovery);
    }

    private void Offer(int buffers, int longest)
    {
        for (; buffers > 0; buffers--)
        {
            int count = _random.Next(1, longest + 1);
            if (count > _driver.Free) return;
            var parts = Enumerable.Range(0, count).Select(_ => new PackedPart(_numbers++, 1, (ushort)(2 * _random.Next(2)))).ToArray();
            _driver.OfferChain(_nextId, parts);
            _missing.Add(new Offered(_nextId++, parts));
        }
    }

    private void TakeBack(bool inOrder = true)
    {
        while (_driver.TryTake(out _) is { Length: > 0 } ids)
        {
            foreach (ushort id in ids)
            {
                if (inOrder) Assert.Equal(_missing[0].Id, id);
                Assert.Equal(1, _missing.RemoveAll(o => o.Id == id));
            }
        }
    }

    // One back-end: it takes over, and works until all is done or it dies. What it takes must be what was offered.
    private bool Live(int stores, int burst)
    {
        var log = new DeathLog(new Life(stores));
        int done = 0;
        try
        {
            var ring = Ring();
            while (true)
            {
                int count = 0;
                for (; count < burst && ring.Available(burst) > count && ring.Peek(count, out var descriptor) >= 0; count++)
                {
                    if (stores == 0) AssertIs(_missing[done + count], ref ring, descriptor);
                    ring.Use(count, count, (uint)(done % 2));
                }
                if (count == 0) break;
                ring.Publish(count, ref log);
                done += count;
            }
            Assert.Equal(RingFault.None, ring.Fault);
            return true;
        }
        catch (DeathException)
        {
            return false;
        }
    }

    private void AssertIs(Offered offered, ref InflightPackedRing ring, Descriptor descriptor)
    {
        // What a driver has not heard of it still misses: repeated buffers are at the front.
        Assert.Equal(offered.Parts[0].Address, descriptor.Address);
        for (int i = 0; i < offered.Parts.Length; i++)
        {
            if (i > 0) Assert.True(ring.Follow(ref descriptor));
            Assert.Equal((offered.Parts[i].Address, offered.Parts[i].Length), (descriptor.Address, descriptor.Length));
            Assert.Equal(offered.Parts[i].Flags | (i < offered.Parts.Length - 1 ? Descriptor.HasNext : 0), descriptor.Flags);
        }
    }

    private sealed record Offered(ushort Id, PackedPart[] Parts);

    /// <summary>What the specification tells a back-end to do, store by store, by one that finishes buffers in any order.</summary>
    private sealed class OtherBackEnd
    {
        private readonly byte* _part;
        private readonly PackedDriverModel _ring;
        private readonly Life _life;
        private readonly List<(ushort Head, ushort Id, int Count)> _taken = [];
        private ulong _next;
        private ulong _used;
        private ulong _counter;

        // All that was taken before was given back: where the driver stands, so does the ring.
        public OtherBackEnd(byte* part, PackedDriverModel ring, Life life)
        {
            _part = part;
            (_ring, _life, _next, _used) = (ring, life, ring.Used, ring.Used);
            if (U16(8) != 0) return;
            U16(10) = (ushort)ring.Size;
            for (int i = 0; i < ring.Size; i++)
                U16(32 + (32 * i) + 2) = (ushort)(i + 1);
            _part[20] = _part[21] = 1;
            U16(8) = 1;
        }

        public List<ushort> InFlight => [.. _taken.Select(t => t.Id)];

        public void Turn(Random random)
        {
            for (int most = random.Next(4); most > 0 && _next < _ring.Available; most--)
                Take();
            (ushort Head, ushort Id, int Count)[] done = [.. _taken.OrderBy(_ => random.Next()).Take(random.Next(4))];
            if (done.Length > 0) GiveBack(done);
        }

        private void Take()
        {
            int e = 32 + (32 * U16(14));
            ushort head = U16(14);
            Store(ref U16(e + 6), 0);
            *(ulong*)(_part + e + 8) = _counter++;
            _life.Stored();
            _part[e] = 1;
            _life.Stored();
            int count = 0;
            for (bool more = true; more; count++)
            {
                var descriptor = _ring.Entry((int)((_next + (ulong)count) % (ulong)_ring.Size));
                Store(ref U16(e + 6), (ushort)(count + 1));
                ushort free = U16(12);
                *(PackedDescriptor*)(_part + 32 + (32 * free) + 16) = default;
                U16(32 + (32 * free) + 16) = descriptor.Id;
                U16(32 + (32 * free) + 18) = descriptor.Flags;
                *(uint*)(_part + 32 + (32 * free) + 20) = descriptor.Length;
                *(ulong*)(_part + 32 + (32 * free) + 24) = descriptor.Address;
                _life.Stored();
                more = (descriptor.Flags & Descriptor.HasNext) != 0;
                if (!more) Store(ref U16(e + 4), free);
                Store(ref U16(12), U16(32 + (32 * free) + 2));
            }
            U16(14) = U16(12);
            _taken.Add((head, _ring.Entry((int)((_next + (ulong)count - 1) % (ulong)_ring.Size)).Id, count));
            _next += (ulong)count;
            _life.Stored();
        }

        private void GiveBack((ushort Head, ushort Id, int Count)[] done)
        {
            ulong used = _used;
            foreach (var (head, _, count) in done)
            {
                Store(ref U16(32 + (32 * U16(32 + (32 * head) + 4)) + 2), U16(12));
                Store(ref U16(12), head);
                used += (ulong)count;
                Store(ref U16(16), (ushort)(used % (ulong)_ring.Size));
                _part[20] = (byte)(_ring.PositionOf(used).Wrap ? 1 : 0);
                _life.Stored();
            }
            ulong at = used;
            foreach (var (_, id, count) in done.Reverse())
            {
                at -= (ulong)count;
                ref var entry = ref _ring.Entry((int)(at % (ulong)_ring.Size));
                (entry.Id, entry.Length) = (id, 0);
                entry.Flags = (ushort)(_ring.PositionOf(at).Wrap ? 0x8080 : 0);
                // Published by the store of the first one's flags.
                if (at == _used) _taken.RemoveAll(done.Contains);
                _life.Stored();
            }
            _used = used;
            foreach (var (head, _, _) in done)
            {
                _part[32 + (32 * head)] = 0;
                _life.Stored();
            }
            Store(ref U16(14), U16(12));
            Store(ref U16(18), U16(16));
            _part[21] = _part[20];
            _life.Stored();
        }

        private ref ushort U16(int offset) => ref *(ushort*)(_part + offset);

        private void Store(ref ushort at, ushort value)
        {
            at = value;
            _life.Stored();
        }
    }
}
