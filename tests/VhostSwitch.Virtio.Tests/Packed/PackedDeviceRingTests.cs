using VhostSwitch.TestKit.Guest;
using VhostSwitch.Virtio.Packed;
using Xunit;

namespace VhostSwitch.Virtio.Tests.Packed;

/// <summary>The device side against a driver that was written from the specification alone, with numbers that never wrap.</summary>
public sealed class PackedDeviceRingTests : IDisposable
{
    private readonly GuestMemoryMap _memory = new("packed-device");

    public PackedDeviceRingTests() => _memory.Add(0x10000, 1 << 20);

    public void Dispose()
    {
        Assert.True(_memory.GuardsAreIntact);
        _memory.Dispose();
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, false)]
    [InlineData(7, false)]
    [InlineData(100, false)]
    [InlineData(256, false)]
    [InlineData(1, true)]
    [InlineData(3, true)]
    [InlineData(7, true)]
    [InlineData(100, true)]
    public void TakesWhatADriverOffersAndGivesItBackForManyRounds(int size, bool inOrder)
    {
        var random = new Random(size);
        // Not at the start of the first round: both counters wrap at other times than the other ring's.
        var driver = new PackedDriverModel(_memory, size, inOrder, start: (ulong)random.Next(4 * size));
        var device = driver.Device();
        var free = new Queue<ushort>(Enumerable.Range(0, size).Select(i => (ushort)i));
        var offered = new Queue<(ushort Id, PackedPart[] Parts, uint Written)>();
        ulong numbers = 0;
        var expected = new Queue<(ushort Id, uint Written)>();
        for (int step = 0; step < 3000; step++)
        {
            for (int most = random.Next(6); most > 0 && free.Count > 0; most--)
            {
                int count = random.Next(1, 5);
                if (count > driver.Free) break;
                var parts = new PackedPart[count];
                for (int p = 0; p < count; p++)
                    parts[p] = new PackedPart(numbers++, (uint)random.Next(), (ushort)(2 * random.Next(2)));
                ushort id = free.Dequeue();
                driver.OfferChain(id, parts);
                // Bursts of which nothing was written are told of by one entry where the ring is in order.
                offered.Enqueue((id, parts, step % 3 == 0 ? (uint)random.Next(1, 5) : 0));
            }
            Assert.Equal(offered.Count > 0, device.HasAvailable());
            int take = Math.Min(random.Next(5), offered.Count);
            Assert.Equal(offered.Count > 0 ? 32 : 0, device.Available(32));
            for (int i = 0; i < take; i++)
                Take(ref device, i, offered.Dequeue(), expected);
            if (take == 0 || offered.Count == 0) Assert.Equal(offered.Count == 0 ? -1 : take, device.Peek(take, out _));
            if (take > 0) device.Publish(take);
            Assert.Equal(driver.PositionOf(driver.Available - (ulong)offered.Sum(o => o.Parts.Length)), device.NextUsed);
            Assert.Equal((uint)device.NextUsed.Value * 0x10001, device.Base);
            while (driver.TryTake(out var used) is { Length: > 0 } ids)
            {
                foreach (ushort id in ids)
                {
                    var (expectedId, written) = expected.Dequeue();
                    Assert.Equal(expectedId, id);
                    free.Enqueue(id);
                    Assert.Equal((written, written > 0), (used.Length, (used.Flags & Descriptor.Write) != 0));
                }
            }
            Assert.Empty(expected);
        }
        Assert.Equal(RingFault.None, device.Fault);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    [InlineData(6)]
    public unsafe void PeeksABurstAcrossTheEndOfTheRingUpToAChainOfSeveral(int start)
    {
        var driver = new PackedDriverModel(_memory, size: 7, inOrder: false, start: (ulong)start);
        var device = driver.Device();
        for (ushort id = 0; id < 4; id++)
            driver.OfferChain(id, [new PackedPart(1000u + id, 10u + id, Descriptor.Write)]);
        driver.OfferChain(4, [new PackedPart(1, 1, Descriptor.Write), new PackedPart(2, 2, Descriptor.Write)]);
        var buffers = stackalloc PeekedBuffer[7];
        Assert.Equal(4, device.PeekBurst(0, buffers, 7));
        for (uint i = 0; i < 4; i++)
        {
            Assert.Equal((1000u + i, 10u + i, Descriptor.Write),
                (buffers[i].Descriptor.Address, buffers[i].Descriptor.Length, buffers[i].Descriptor.Flags));
            buffers[i].Written = 100 + i;
        }
        device.UseBurst(0, buffers, 4);
        Assert.Equal(4, device.Peek(4, out var first));
        Assert.Equal(1u, first.Length);
        device.Publish(4);
        for (ushort id = 0; id < 4; id++)
        {
            Assert.Equal([id], driver.TryTake(out var used));
            Assert.Equal(100u + id, used.Length);
        }
        // It was not taken, and is the first of the next burst.
        Assert.Equal(0, device.PeekBurst(0, buffers, 7));
        Assert.Equal(0, device.Peek(0, out first));
        Assert.Equal(1u, first.Length);
    }

    [Fact]
    public void GoesOnAtAnEarlierChainWhenItIsPeekedAgain()
    {
        var driver = new PackedDriverModel(_memory, 5, start: 3);
        var device = driver.Device();
        driver.OfferChain(3, new(1, 10), new(2, 20));
        driver.Offer(4, 3, 30);
        driver.Offer(1, 4, 40);
        device.Peek(0, out var first);
        device.Peek(1, out _);
        Assert.Equal(2, device.Peek(2, out var third));
        Assert.Equal(4ul, third.Address);
        // The first was not followed to its end before; now it is.
        Assert.Equal(0, device.Peek(0, out first));
        Assert.True(device.Follow(ref first));
        Assert.Equal(2ul, first.Address);
        Assert.Equal(1, device.Peek(1, out var second));
        Assert.Equal(3ul, second.Address);
        device.Use(0, 0, 0);
        device.Use(1, 1, 0);
        device.Publish(2);
        Assert.Equal([3], driver.TryTake(out _));
        Assert.Equal([4], driver.TryTake(out _));
        Assert.Empty(driver.TryTake(out _));
        Assert.Equal(0, device.Peek(0, out third));
        Assert.Equal(4ul, third.Address);
    }

    [Fact]
    public void InOrderOneUsedEntryTellsOfABurst()
    {
        var driver = new PackedDriverModel(_memory, 8, inOrder: true, start: 6);
        var device = driver.Device();
        driver.OfferChain(6, new(1, 10), new(2, 20));
        driver.Offer(0, 3, 30);
        driver.Offer(1, 4, 40);
        byte[] before = _memory.Read(driver.RingAddress, 6 * 16);
        for (int i = 0; i < 3; i++)
        {
            device.Peek(i, out _);
            device.Use(i, i, 0);
        }
        device.Publish(3);
        Assert.Equal(before, _memory.Read(driver.RingAddress, 6 * 16));
        Assert.Equal([6, 0, 1], driver.TryTake(out var used));
        Assert.Equal((1, 0u), (used.Id, used.Length));
        Assert.Equal(driver.PositionOf(10), device.NextUsed);
    }

    [Fact]
    public void InOrderABurstThatWasWrittenToIsToldOfOneByOne()
    {
        var driver = new PackedDriverModel(_memory, 4, inOrder: true);
        var device = driver.Device();
        for (ushort i = 0; i < 3; i++)
        {
            driver.Offer(i, i, 10, 2);
            device.Peek(i, out _);
            device.Use(i, i, i);
        }
        device.Publish(3);
        for (ushort i = 0; i < 3; i++)
        {
            Assert.Equal([i], driver.TryTake(out var used));
            Assert.Equal(i, used.Length);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(8)]
    public void CallsWhenTheEntryTheDriverNamesIsPassed(int size)
    {
        var random = new Random(size);
        var driver = new PackedDriverModel(_memory, size, start: (ulong)size);
        var device = driver.Device(eventIndex: true);
        var free = new Queue<ushort>(Enumerable.Range(0, size).Select(i => (ushort)i));
        ulong published = driver.Available, decided = published;
        Assert.True(device.WantsCall());
        device.CallDecided();
        driver.DriverEvent.Flags = EventSuppression.AtEntry;
        ulong wish = published;
        for (int step = 0; step < 5000; step++)
        {
            // Anywhere from the last round to the next: only what was passed since the last decision counts.
            if (random.Next(3) == 0) wish = published - (ulong)size + (ulong)random.Next((2 * size) + 1);
            driver.DriverEvent.OffsetWrap = driver.PositionOf(wish).Value;
            int entries = random.Next(1, driver.Free + 1);
            driver.OfferChain(free.Peek(), [.. Enumerable.Repeat(new PackedPart(0, 1), entries)]);
            device.Peek(0, out _);
            device.Use(0, 0, 0);
            device.Publish(1);
            published += (ulong)entries;
            Assert.True(device.CallUndecided);
            // A wish says no more than place and parity of the round; a driver cannot let more than a round go by.
            ulong twoRounds = 2 * (ulong)size;
            bool passed = Enumerable.Range(0, (int)(published - decided)).Any(e => (decided + (ulong)e) % twoRounds == wish % twoRounds);
            if (published - decided <= (ulong)size) Assert.Equal(passed, device.WantsCall());
            if (published - decided >= (ulong)size || random.Next(2) == 0)
            {
                device.CallDecided();
                decided = published;
            }
            free.Enqueue(driver.TryTake(out _)[0]);
            free.Dequeue();
        }
    }

    [Theory]
    [InlineData(false, EventSuppression.Enable, true)]
    [InlineData(false, EventSuppression.Disable, false)]
    [InlineData(false, EventSuppression.AtEntry, true)]
    [InlineData(true, EventSuppression.Enable, true)]
    [InlineData(true, EventSuppression.Disable, false)]
    [InlineData(true, 3, true)]
    public void CallsAsTheFlagsSay(bool eventIndex, ushort flags, bool calls)
    {
        var driver = new PackedDriverModel(_memory, 4);
        var device = driver.Device(eventIndex);
        device.CallDecided();
        // A place that is never passed in this test.
        driver.DriverEvent = new EventSuppression { Flags = flags, OffsetWrap = driver.PositionOf(3).Value };
        driver.Offer(0, 0, 1);
        device.Peek(0, out _);
        device.Use(0, 0, 0);
        device.Publish(1);
        Assert.Equal(calls, device.WantsCall());
    }

    [Fact]
    public void AsksForKicksByFlagOrByTheNextEntry()
    {
        var driver = new PackedDriverModel(_memory, 4, start: 7);
        var device = driver.Device();
        device.DisableKicks();
        Assert.Equal(EventSuppression.Disable, driver.DeviceEvent.Flags);
        device.EnableKicks();
        Assert.Equal(EventSuppression.Enable, driver.DeviceEvent.Flags);
        device = driver.Device(eventIndex: true);
        device.EnableKicks();
        Assert.Equal((EventSuppression.AtEntry, driver.PositionOf(7).Value), (driver.DeviceEvent.Flags, driver.DeviceEvent.OffsetWrap));
        driver.OfferChain(0, new(0, 1), new(1, 1));
        device.Peek(0, out _);
        device.Use(0, 0, 0);
        device.Publish(1);
        device.EnableKicks();
        Assert.Equal((EventSuppression.AtEntry, driver.PositionOf(9).Value), (driver.DeviceEvent.Flags, driver.DeviceEvent.OffsetWrap));
        device.DisableKicks();
        Assert.Equal(EventSuppression.Disable, driver.DeviceEvent.Flags);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(600)]
    public void AChainWithoutEndIsFollowedOnceRoundAndNoFurther(int size)
    {
        var driver = new PackedDriverModel(_memory, size, start: (ulong)size - 1);
        for (int i = 0; i < size; i++)
            driver.Entry(i) = new PackedDescriptor { Length = 1, Flags = (ushort)(Descriptor.HasNext | (i == size - 1 ? 0x80 : 0x8000)) };
        var device = driver.Device();
        Assert.Equal(0, device.Peek(0, out var descriptor));
        int followed = 1;
        while (device.Follow(ref descriptor))
            followed++;
        Assert.Equal((size, RingFault.ChainTooLong, (ulong)size), (followed, device.Fault, device.FaultDetail));
        Assert.Equal((-1, false), (device.Available(32), device.HasAvailable()));
        // Nothing of it is given back.
        device.Publish(1);
        Assert.Equal(driver.First, device.NextUsed);
    }

    [Fact]
    public void AChainThatNobodyFollowsIsFollowedBeforeItIsGivenBack()
    {
        var driver = new PackedDriverModel(_memory, 3, start: 2);
        driver.OfferChain(1, new(1, 1), new(2, 1));
        var device = driver.Device();
        device.Peek(0, out _);
        device.Use(0, 0, 0);
        device.Publish(1);
        Assert.Equal([1], driver.TryTake(out _));
        Assert.Equal(driver.PositionOf(4), device.NextUsed);
    }

    [Fact]
    public void MoreEntriesThanTheRingHasAreNeverTaken()
    {
        // A driver that makes entries available again which the device has not given back.
        var driver = new PackedDriverModel(_memory, 3, start: 3);
        for (int i = 0; i < 3; i++)
            driver.Entry(i) = new PackedDescriptor { Address = (ulong)i, Length = 1, Id = (ushort)i, Flags = 0x8000 };
        var device = driver.Device();
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(i, device.Peek(i, out _));
            // Available in the round that comes next.
            driver.Entry(i).Flags = 0x80;
        }
        Assert.Equal(-1, device.Peek(3, out _));
        Assert.Equal(RingFault.None, device.Fault);
    }

    private static void Take(
        ref PackedDeviceRing device, int i, (ushort Id, PackedPart[] Parts, uint Written) offer, Queue<(ushort Id, uint Written)> expected)
    {
        int id = device.Peek(i, out var descriptor);
        Assert.Equal(i, id);
        // Half of them are not followed to their end by whoever takes them.
        for (int p = 0; p < (offer.Parts[0].Address % 2 == 0 ? offer.Parts.Length : 1); p++)
        {
            if (p > 0) Assert.True(device.Follow(ref descriptor));
            int linked = p < offer.Parts.Length - 1 ? Descriptor.HasNext : 0;
            var part = offer.Parts[p];
            Assert.Equal((part.Address, part.Length, (ushort)(part.Flags | linked)), (descriptor.Address, descriptor.Length, descriptor.Flags));
        }
        device.Use(i, id, offer.Written);
        expected.Enqueue((offer.Id, offer.Written));
    }
}
