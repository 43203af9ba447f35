using VhostSwitch.TestKit.Guest;
using VhostSwitch.Vhost.Inflight;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.Vhost.Tests.Inflight;

/// <summary>
/// Back-ends die after every single store of taking and giving back (vhost-user, "Inflight I/O tracking"); the next one gives back
/// exactly what the driver misses: each buffer once, in the order they were taken.
/// </summary>
public sealed unsafe class InflightSplitRingTests : IDisposable
{
    private const int Size = 8;

    private readonly GuestMemoryMap _memory = new("inflight-split");
    private readonly SplitRingWriter _driver;
    private readonly ulong _area;
    private readonly byte* _part;
    private readonly Queue<ushort> _free = new(Enumerable.Range(0, Size).Select(i => (ushort)i));
    private readonly List<ushort> _missing = [];
    private readonly Random _random = new(5);
    private ushort _taken;

    public InflightSplitRingTests()
    {
        _memory.Add(0x10000, 0x10000);
        // The area's end is the region's: what is behind it is a guard.
        var area = _memory.Add(0x100000, 4096);
        _area = area.End - (ulong)SplitInflightLayout.LengthFor(Size);
        _part = _memory.At(_area);
        _driver = new SplitRingWriter(_memory, SplitRingPlace.In(_memory, Size));
        _driver.StartAt(_taken = 65530);
    }

    public void Dispose()
    {
        Assert.True(_memory.GuardsAreIntact);
        _memory.Dispose();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(Size)]
    public void WhereverABurstEndsByDeathNothingIsLostOrGivenBackTwice(int burst)
    {
        int deaths = 0;
        for (int store = 1; ; store++)
        {
            Offer(burst);
            bool died = !Live(store, burst);
            // What a driver does meanwhile must not matter.
            TakeBack();
            Offer(store % 3);
            Assert.True(Live(0, Size));
            TakeBack();
            Assert.Empty(_missing);
            if (!died) break;
            deaths++;
        }
        // Counter and mark of each, link and head of each, the index, the mark of each, the noted index.
        Assert.Equal((5 * burst) + 2, deaths);
    }

    [Fact]
    public void BackEndsThatDieOneAfterTheOtherLoseNothing()
    {
        for (int death = 0; death < 3000; death++)
        {
            if (_random.Next(2) == 0) TakeBack();
            Offer(_random.Next(Size));
            Live(_random.Next(1, 60), _random.Next(1, Size + 1));
        }
        Assert.True(Live(0, Size));
        TakeBack();
        Assert.Empty(_missing);
    }

    [Fact]
    public void AnotherBackEndThatFinishesInAnyOrderMayDieAnywhere()
    {
        for (int death = 0; death < 3000; death++)
        {
            Offer(_random.Next(Size + 1));
            var life = new Life(_random.Next(1, 60));
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
            Offer(_random.Next(3));
            // What was taken comes first, in the order it was taken; then what is available.
            List<ushort> expected = [.. other.InFlight.Where(_missing.Contains), .. _missing.Where(h => !other.InFlight.Contains(h))];
            _missing.Clear();
            _missing.AddRange(expected);
            Assert.True(Live(0, _random.Next(1, Size + 1)));
            TakeBack();
            Assert.Empty(_missing);
        }
    }

    [Fact]
    public void MemoryThatNobodyHasUsedIsInitialised()
    {
        new Span<byte>(_part, SplitInflightLayout.LengthFor(Size)).Fill(0xee);
        U16(8) = 0;
        var ring = Ring(out int left);
        Assert.Equal((0, 1, Size, 0, _taken), (left, U16(8), U16(10), U16(12), U16(14)));
        Assert.Equal(0, ring.Available(Size));
    }

    [Theory]
    [InlineData(8, 2)]
    [InlineData(8, 65535)]
    [InlineData(10, 0)]
    [InlineData(10, Size - 1)]
    [InlineData(10, Size + 1)]
    [InlineData(10, 65535)]
    [InlineData(14, 65530 - Size - 1)]
    [InlineData(14, 65531)]
    public void MemoryThatContradictsTheRingIsRefused(int offset, int value)
    {
        Ring(out _);
        U16(offset) = (ushort)value;
        Assert.Throws<VhostException>(() => Ring(out _));
    }

    [Theory]
    [InlineData(Size)]
    [InlineData(65535)]
    public void Cve20213839AHeadBeyondTheRingIsRefused(int head)
    {
        Ring(out _);
        // One buffer was published and not noted as finished: its entry is looked for.
        U16(14) -= 1;
        U16(12) = (ushort)head;
        Assert.Throws<VhostException>(() => Ring(out _));
        U16(14) -= 1;
        U16(12) = 3;
        U16(16 + (16 * 3) + 6) = (ushort)head;
        Assert.Throws<VhostException>(() => Ring(out _));
    }

    [Fact]
    public void Dpdk5a4fbe79e6LinksInACircleAreFollowedNoFurtherThanTheIndexSays()
    {
        Ring(out _);
        U16(14) -= Size;
        U16(12) = 2;
        U16(16 + (16 * 2) + 6) = 2;
        _part[16 + (16 * 2)] = 1;
        _part[16 + (16 * 5)] = 1;
        Ring(out int left);
        Assert.Equal(1, left);
    }

    [Fact]
    public void WhateverIsInTheMemoryItIsRefusedOrSomethingIsTaken()
    {
        byte[] noise = new byte[SplitInflightLayout.LengthFor(Size)];
        for (int i = 0; i < 5000; i++)
        {
            _random.NextBytes(noise);
            noise.CopyTo(new Span<byte>(_part, noise.Length));
            U16(8) = (ushort)_random.Next(3);
            U16(10) = Size;
            if (i % 2 == 0) U16(14) = (ushort)(_taken - _random.Next(Size + 1));
            for (int e = 0; e < Size && i % 4 == 0; e++)
                U16(16 + (16 * e) + 6) = (ushort)_random.Next(Size);
            try
            {
                var ring = Ring(out int left);
                Assert.InRange(left, 0, Size);
                for (int p = 0; p < left; p++)
                    Assert.InRange(ring.Peek(p, out _), 0, Size - 1);
            }
            catch (VhostException)
            {
                // Refused.
            }
        }
    }

    private ref ushort U16(int offset) => ref *(ushort*)(_part + offset);

    private InflightSplitRing Ring(out int left) =>
        new(new SplitDeviceRing(_driver.Descriptors, _driver.Available, _driver.Used, Size, 0, false), _part, out left);

    private void Offer(int most)
    {
        for (; most > 0 && _free.TryDequeue(out ushort head); most--)
        {
            _driver.Offer(head);
            _missing.Add(head);
        }
    }

    private void TakeBack(bool inOrder = true)
    {
        for (; _taken != _driver.UsedIndex; _taken++)
        {
            ushort head = (ushort)_driver.UsedAt(_taken).Id;
            if (inOrder) Assert.Equal(_missing[0], head);
            Assert.True(_missing.Remove(head), $"{head} was given back twice");
            _free.Enqueue(head);
        }
    }

    // One back-end: it takes over, and works until all is done or it dies.
    private bool Live(int stores, int burst)
    {
        var log = new DeathLog(new Life(stores));
        try
        {
            var ring = Ring(out _);
            for (int count = ring.Available(burst); count > 0; count = ring.Available(burst))
            {
                for (int i = 0; i < count; i++)
                    ring.Use(i, ring.Peek(i, out _), 0);
                ring.Publish(count, ref log);
            }
            return true;
        }
        catch (DeathException)
        {
            return false;
        }
    }

    /// <summary>What the specification tells a back-end to do, store by store, by one that finishes buffers in any order.</summary>
    private sealed class OtherBackEnd
    {
        private readonly byte* _part;
        private readonly SplitRingWriter _ring;
        private readonly Life _life;
        private readonly int _size;
        private ushort _next;
        private ulong _counter;
        private ushort _lastBatchHead;

        public OtherBackEnd(byte* part, SplitRingWriter ring, Life life)
        {
            _part = part;
            (_ring, _life, _size, _next) = (ring, life, ring.Size, ring.UsedIndex);
            *(ushort*)(_part + 10) = (ushort)_size;
            *(ushort*)(_part + 14) = ring.UsedIndex;
            *(ushort*)(_part + 8) = 1;
        }

        /// <summary>In the order they were taken.</summary>
        public List<ushort> InFlight { get; } = [];

        public void Turn(Random random)
        {
            for (int most = random.Next(4); most > 0 && _next != _ring.AvailableIndex; most--)
            {
                ushort head = ((ushort*)(_ring.Available + 4))[_next++ % _size];
                *(ulong*)(_part + 16 + (16 * head) + 8) = _counter++;
                _life.Stored();
                _part[16 + (16 * head)] = 1;
                InFlight.Add(head);
                _life.Stored();
            }
            ushort[] done = [.. InFlight.OrderBy(_ => random.Next()).Take(random.Next(4))];
            if (done.Length == 0) return;
            foreach (ushort head in done)
            {
                *(ushort*)(_part + 16 + (16 * head) + 6) = _lastBatchHead;
                _life.Stored();
                *(ushort*)(_part + 12) = _lastBatchHead = head;
                _life.Stored();
            }
            for (int i = 0; i < done.Length; i++)
                ((ulong*)(_ring.Used + 4))[(_ring.UsedIndex + i) % _size] = done[i];
            _ring.UsedIndex += (ushort)done.Length;
            foreach (ushort head in done)
                InFlight.Remove(head);
            _life.Stored();
            foreach (ushort head in done)
            {
                _part[16 + (16 * head)] = 0;
                _life.Stored();
            }
            *(ushort*)(_part + 14) = _ring.UsedIndex;
            _life.Stored();
        }
    }
}
