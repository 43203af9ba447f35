using VhostSwitch.TestKit.Guest;
using VhostSwitch.Virtio.Packed;
using Xunit;

namespace VhostSwitch.Virtio.Tests.Packed;

/// <summary>
/// Honest histories of a driver and a device, random ones: wherever the device dies between two bursts, the position is found from
/// the ring's memory alone, or where two histories leave the same memory, one that loses no available buffer.
/// </summary>
public sealed unsafe class PackedResynchronisationTests : IDisposable
{
    private const int Steps = 400;

    private readonly GuestMemoryMap _memory = new("packed-resync");

    public PackedResynchronisationTests() => _memory.Add(0x10000, 1 << 20);

    public static TheoryData<int> Sizes => [1, 2, 3, 5, 8, 13, 64];

    public void Dispose() => _memory.Dispose();

    [Theory]
    [MemberData(nameof(Sizes))]
    public void OfBuffersOfOneDescriptorThePositionIsAlwaysCertain(int size)
    {
        foreach (bool oldestIdFirst in new[] { true, false })
        {
            var history = new History(_memory, size, longest: 1, inOrder: false, oldestIdFirst, seed: size);
            for (int step = 0; step < Steps; step++)
            {
                history.Step();
                Assert.Equal(history.Truth, history.Find());
            }
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void BehindAChainThePositionIsCertainOrTheEarlierOfTwo(int size)
    {
        foreach (bool oldestIdFirst in new[] { true, false })
        {
            var history = new History(_memory, size, longest: 4, inOrder: false, oldestIdFirst, seed: size);
            int certain = 0;
            for (int step = 0; step < Steps; step++)
            {
                history.Step();
                var found = history.Find();
                if (history.LastUsedWasAlone && !history.LastUsedIsOverwritten)
                {
                    certain++;
                    Assert.Equal(history.Truth, found);
                }
                else if (history.LastUsedIsOverwritten) Assert.Equal(history.Full, found);
                else Assert.Equal(history.BehindLastUsedEntry, found);
                Assert.True(history.LosesNothing(found));
            }
            if (size > 1) Assert.True(certain > Steps / 10, $"only {certain} of the histories were certain");
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void InOrderTheIdTellsWhereABurstEnded(int size)
    {
        // Linux and DPDK number buffers by their place, so that no id comes again before its place does.
        var history = new History(_memory, size, longest: 3, inOrder: true, oldestIdFirst: true, seed: size);
        int certain = 0;
        for (int step = 0; step < Steps; step++)
        {
            history.Step();
            var found = history.Find();
            if (!history.LastUsedIsOverwritten)
            {
                certain++;
                Assert.Equal(history.Truth, found);
            }
            else Assert.Equal(history.Full, found);
            Assert.True(history.LosesNothing(found));
        }
        Assert.True(certain > Steps / 4, $"only {certain} of the histories were certain");
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void WhatTheFrontEndRemembersIsBelievedWheneverItIsRight(int size)
    {
        foreach (bool inOrder in new[] { false, true })
        {
            var history = new History(_memory, size, longest: 4, inOrder, oldestIdFirst: inOrder, seed: size + 1);
            for (int step = 0; step < Steps; step++)
            {
                history.Step();
                // The start is what QEMU says of any ring whose back-end died.
                if (history.Truth != PackedPosition.Start) Assert.Equal(history.Truth, history.Find(history.Truth));
                else Assert.True(history.LosesNothing(history.Find(history.Truth)));
            }
        }
    }

    [Fact]
    public void ARingThatNobodyHasTouchedGoesOnAtItsStart()
    {
        var driver = new PackedDriverModel(_memory, 7);
        Assert.Equal(PackedPosition.Start, PackedResynchronisation.Find((PackedDescriptor*)driver.Ring, 7, new PackedPosition(3), false));
    }

    // Linux takes the id that was freed last: the buffer behind the last used one may look like the rest of its chain.
    [Fact]
    public void ThePositionThatQemuMakesUpDoesNotHideABuffer()
    {
        var driver = new PackedDriverModel(_memory, 4);
        var device = driver.Device();
        for (int i = 0; i < 8; i++)
        {
            ushort id = (ushort)(i < 7 ? i % 4 : 2);
            driver.Offer(id, 0x1000, 64);
            if (i == 7) continue;
            Assert.Equal(0, device.Peek(0, out _));
            device.Use(0, 0, 0);
            device.Publish(1);
            Assert.Equal([id], driver.TryTake(out _));
        }
        var found = PackedResynchronisation.Find((PackedDescriptor*)driver.Ring, 4, PackedPosition.Start, false);
        Assert.Equal((3, false), (found.Index, found.Wrap));
    }

    [Theory]
    [InlineData(new int[] { 0x80, 0x8000, 0x80, 0x8000 })]
    [InlineData(new int[] { 0, 0x8080, 0x80, 0 })]
    public void WhereNoDriverLeftSuchARingTheFrontEndIsBelieved(int[] flags)
    {
        var driver = new PackedDriverModel(_memory, flags.Length);
        for (int i = 0; i < flags.Length; i++)
            driver.Entry(i).Flags = (ushort)flags[i];
        var remembered = new PackedPosition(2);
        Assert.Equal(remembered, PackedResynchronisation.Find((PackedDescriptor*)driver.Ring, flags.Length, remembered, false));
    }

    [Fact]
    public void WhateverIsInTheRingThePositionIsOneOfIt()
    {
        var random = new Random(7);
        PackedDriverModel[] drivers = [.. Enumerable.Range(1, 19).Select(size => new PackedDriverModel(_memory, size))];
        for (int i = 0; i < 1000; i++)
        {
            var driver = drivers[random.Next(drivers.Length)];
            int size = driver.Size;
            for (int e = 0; e < size; e++)
            {
                int marks = random.Next(4) << 7;
                driver.Entry(e).Flags = (ushort)((marks & 0x80) | ((marks & 0x100) << 7) | random.Next(8));
            }
            var found = PackedResynchronisation.Find((PackedDescriptor*)driver.Ring, size, PackedPosition.Start, i % 2 == 0);
            Assert.InRange(found.Index, 0, size - 1);
        }
    }

    private sealed class History
    {
        private readonly PackedDriverModel _driver;
        private readonly Random _random;
        private readonly LinkedList<ushort> _free;
        private readonly Queue<int> _lengths = new();
        private readonly int _longest;
        private readonly bool _inOrder;
        private readonly bool _oldestIdFirst;
        private readonly ulong _start;
        private PackedDeviceRing _device;
        private ulong _next;
        private ulong _lastUsed;

        public History(GuestMemoryMap memory, int size, int longest, bool inOrder, bool oldestIdFirst, int seed)
        {
            _random = new Random(seed);
            _start = (ulong)_random.Next(2 * size);
            _driver = new PackedDriverModel(memory, size, inOrder, _start);
            _device = _driver.Device();
            _free = new LinkedList<ushort>(Enumerable.Range(0, size).Select(i => (ushort)i));
            (_longest, _inOrder, _oldestIdFirst, _next) = (longest, inOrder, oldestIdFirst, _start);
            // Before the first burst, what was used last is one entry behind.
            _lastUsed = _start - 1;
        }

        public PackedPosition Truth => _device.NextUsed;

        public bool LastUsedWasAlone => _next - _lastUsed == 1;

        public bool LastUsedIsOverwritten => _next > _start && _driver.Available > _lastUsed + (ulong)_driver.Size;

        public PackedPosition BehindLastUsedEntry => _driver.PositionOf(_lastUsed + 1);

        public PackedPosition Full => _driver.PositionOf(_driver.Available - (ulong)_driver.Size);

        // No earlier than a full ring and no later than the first buffer that was not used.
        public bool LosesNothing(PackedPosition found) =>
            Enumerable.Range(0, _driver.Size + 1).Any(back => (ulong)back <= _next && _next - (ulong)back + (ulong)_driver.Size >= _driver.Available
                && _driver.PositionOf(_next - (ulong)back) == found);

        public PackedPosition Find(PackedPosition? remembered = null)
        {
            // What no front-end could have been told: nothing but the ring's memory counts.
            var nonsense = new PackedPosition(0x7fff);
            return PackedResynchronisation.Find((PackedDescriptor*)_driver.Ring, _driver.Size, remembered ?? nonsense, _inOrder);
        }

        public void Step()
        {
            switch (_random.Next(3))
            {
                case 0:
                    for (int most = _random.Next(1, 6); most > 0; most--)
                        Offer();
                    break;
                case 1:
                    Use(_random.Next(1, 6));
                    break;
                default:
                    while (_driver.TryTake(out _) is { Length: > 0 } ids)
                    {
                        foreach (ushort id in ids)
                            _free.AddLast(id);
                    }
                    break;
            }
        }

        private void Offer()
        {
            int count = _random.Next(1, _longest + 1);
            if (count > _driver.Free || _free.Count == 0) return;
            ushort id = (_oldestIdFirst ? _free.First : _free.Last)!.Value;
            if (_inOrder) id = (ushort)(_driver.Available % (ulong)_driver.Size);
            _free.Remove(id);
            _driver.OfferChain(id, [.. Enumerable.Repeat(new PackedPart(1, 1), count)]);
            _lengths.Enqueue(count);
        }

        private void Use(int most)
        {
            int count = Math.Min(most, _lengths.Count);
            if (count == 0) return;
            uint written = (uint)_random.Next(2);
            for (int i = 0; i < count; i++)
            {
                Assert.Equal(i, _device.Peek(i, out _));
                _device.Use(i, i, written);
            }
            _device.Publish(count);
            if (_inOrder && written == 0) _lastUsed = _next;
            for (int i = 0; i < count; i++)
            {
                if (!_inOrder || written != 0) _lastUsed = _next;
                _next += (ulong)_lengths.Dequeue();
            }
        }
    }
}
