using VhostSwitch.TestKit.Guest;
using VhostSwitch.Vhost.Net;
using VhostSwitch.Vhost.Tests.Net;
using VhostSwitch.Virtio;

namespace VhostSwitch.Vhost.Tests;

/// <summary>The cache of translations against a dictionary of pages.</summary>
public sealed unsafe class IotlbTests
{
    private const ulong Page = 4096;
    private const IotlbAccess Both = IotlbAccess.Read | IotlbAccess.Write;

    // Both ends of the address space, and the middle.
    private static readonly ulong[] Bases = [0, 0x1000_0000, unchecked(0 - (32 * Page))];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void KnowsWhatItWasToldLastAndForgetsWhatIsInvalidated(int seed)
    {
        var random = new Random(seed);
        using var iotlb = new Iotlb();
        var pages = new Dictionary<ulong, (int Entry, ulong Host, IotlbAccess Access)>();
        for (int step = 0; step < 5000; step++)
        {
            ulong start = Bases[random.Next(3)] + ((ulong)random.Next(32) * Page);
            ulong count = Math.Min((ulong)random.Next(1, 9), ((ulong.MaxValue - start) / Page) + 1);
            bool update = random.Next(3) > 0;
            var touched = Enumerable.Range(0, (int)count).Select(i => start + ((ulong)i * Page));
            var gone = touched.Where(pages.ContainsKey).Select(p => pages[p].Entry).ToHashSet();
            foreach (ulong page in pages.Where(p => gone.Contains(p.Value.Entry)).Select(p => p.Key).ToList())
                pages.Remove(page);
            if (update)
            {
                // Hosts adjoin where addresses do, mostly.
                ulong host = 0x7000_0000_0000 + (start & 0xffff_ffff) + (random.Next(4) == 0 ? 64 * Page : 0);
                var access = random.Next(5) == 0 ? IotlbAccess.Read : Both;
                iotlb.Update(start, count * Page, (byte*)host, access);
                for (ulong i = 0; i < count; i++)
                    pages[start + (i * Page)] = (step, host + (i * Page), access);
            }
            else iotlb.Invalidate(start, count * Page);
            Assert.Equal(pages.Values.Select(p => p.Entry).Distinct().Count(), iotlb.Count);
            for (int question = 0; question < 5; question++)
                Compare(iotlb, pages, Bases[random.Next(3)] + (ulong)random.Next(32 * (int)Page), (ulong)random.Next(1, 4 * (int)Page));
        }
        iotlb.Invalidate(0, ulong.MaxValue);
        Assert.Equal(0, iotlb.Count);
    }

    [Fact]
    public void NeverKeepsMoreThanItsBoundAndForgetsTheOldest()
    {
        using var iotlb = new Iotlb();
        for (ulong i = 0; i < 3 * Iotlb.MaxEntries; i++)
        {
            // The first one is told of again and again, and stays.
            iotlb.Update(0, Page, (byte*)0x7000_0000_0000, Both);
            iotlb.Update((i + 2) * Page, Page, (byte*)0x7000_0000_0000, Both);
            Assert.Equal((int)Math.Min(i + 2, Iotlb.MaxEntries), iotlb.Count);
            Assert.True(iotlb.Translate(0, Page, out _) != null);
            Assert.True(iotlb.Translate((i + 2) * Page, Page, out _) != null);
        }
        Assert.True(iotlb.Translate((2 * Iotlb.MaxEntries + 2) * Page, Page, out _) == null);
        Assert.True(iotlb.Translate((2 * Iotlb.MaxEntries + 3) * Page, Page, out _) != null);
    }

    [Fact]
    public void APageThatComesAndGoesForeverNeedsNoMoreMemory()
    {
        using var iotlb = new Iotlb();
        Change(1000);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        Change(500_000);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 1 << 20);

        void Change(int times)
        {
            for (int i = 0; i < times; i++)
            {
                iotlb.Update((ulong)(i % 2) * Page, Page, (byte*)0x7000_0000_0000, Both);
                iotlb.Invalidate((ulong)(i % 2) * Page, Page);
            }
        }
    }

    [Theory]
    [InlineData(0x1fffUL, 1UL, false)]
    [InlineData(0x1fffUL, 2UL, true)]
    [InlineData(0x2000UL, 1UL, true)]
    [InlineData(0x2fffUL, 1UL, true)]
    [InlineData(0x3000UL, 1UL, false)]
    public void OneByteInCommonIsAnOverlap(ulong address, ulong length, bool overlaps)
    {
        using var iotlb = new Iotlb();
        iotlb.Update(0x2000, Page, (byte*)0x7000_0000_0000, Both);
        iotlb.Invalidate(address, length);
        Assert.Equal(overlaps ? 0 : 1, iotlb.Count);
    }

    [Fact]
    public void TheEndOfTheAddressSpaceDoesNotAdjoinItsStart()
    {
        using var iotlb = new Iotlb();
        ulong last = unchecked(0 - Page);
        iotlb.Update(last, Page, (byte*)0x7000_0000_0000, Both);
        iotlb.Update(0, Page, (byte*)(0x7000_0000_0000 + Page), Both);
        Assert.True(iotlb.Translate(last, Page, out _) == (byte*)0x7000_0000_0000);
        Assert.True(iotlb.Translate(last, Page + 1, out _) == null);
        iotlb.Invalidate(last, ulong.MaxValue);
        Assert.Equal(1, iotlb.Count);
    }

    /// <summary>
    /// A guest takes a page away while it is asked for, and gives it again with another buffer: that one does not wait until the first question
    /// is given up.
    /// </summary>
    [Fact]
    public void AnAddressIsAskedForAgainOnceTheFrontEndIsDoneWithTheFirstQuestion()
    {
        using var iotlb = new Iotlb();
        var miss = iotlb.NewMiss();
        var asked = new List<ulong>();
        Miss();
        Miss();
        Assert.Single(asked);
        iotlb.Conclude(Page, IotlbAccess.Read);
        Miss();
        Assert.Equal([Page, Page], asked);

        void Miss()
        {
            miss.Note(Page + 8, IotlbAccess.Read);
            iotlb.AskForMisses(Ask);
        }

        bool Ask(ulong address, IotlbAccess access)
        {
            asked.Add(address);
            return true;
        }
    }

    [Fact]
    public void ABufferThatIsNowhereIsNotAskedForWithoutEnd()
    {
        using var iotlb = new Iotlb();
        var miss = iotlb.NewMiss();
        int asked = 0;
        for (int i = 0; i < 1000; i++)
        {
            miss.Note(Page, IotlbAccess.Read);
            iotlb.AskForMisses((_, _) => ++asked > 0);
            iotlb.Conclude(Page, IotlbAccess.Read);
        }
        Assert.InRange(asked, 2, 20);
        // A translation that comes ends the doubt.
        iotlb.Update(Page, Page, (byte*)0x7000_0000_0000, IotlbAccess.Read);
        asked = 0;
        miss.Note(5 * Page, IotlbAccess.Read);
        iotlb.AskForMisses((_, _) => ++asked > 0);
        Assert.Equal(1, asked);
    }

    [Fact]
    public void WhatIsKnownMeanwhileIsNotAskedFor()
    {
        using var iotlb = new Iotlb();
        var miss = iotlb.NewMiss();
        iotlb.Update(Page, Page, (byte*)0x7000_0000_0000, IotlbAccess.Read);
        miss.Note(Page, IotlbAccess.Read);
        miss.Note(Page, IotlbAccess.Write);
        var asked = new List<IotlbAccess>();
        iotlb.AskForMisses((_, access) =>
        {
            asked.Add(access);
            return true;
        });
        Assert.Equal([IotlbAccess.Write], asked);
    }

    [Fact]
    public void AFrameAcrossTwoTranslationsIsLentInTwoPiecesAndAMissIsAskedForOnce()
    {
        using var memory = new GuestMemoryMap("iotlb");
        memory.Add(0, 16 * Page);
        var owner = new Owner();
        const Features Features = Features.Version1 | Features.AccessPlatform;
        using var device = new Device(0, new DeviceOptions(Features, DeviceOptions.BasicProtocolFeatures, 1), owner);
        device.SetFeatures(Features);
        device.SetMemory(MemoryTable.Map(memory.Descriptions, [.. memory.Files.Select(f => f.File)]));
        var channel = new Channel();
        device.SetBackEnd(channel);
        var ring = new SplitRingWriter(memory, SplitRingPlace.In(memory, 16));
        // The ring's addresses are the guest's; buffers are at 0x100000, in pages that do not adjoin in the guest.
        device.UpdateIotlb(0, Page, Front(0), Both);
        device.SetRingSize(1, 16);
        device.SetRingBase(1, 0);
        device.SetRingAddresses(1, new VringAddresses(ring.Place.Descriptors, ring.Place.Available, ring.Place.Used));
        device.SetRingKick(1, null);
        byte[] bytes = [.. new byte[12], .. PackedRig.Frame(1, 100)];
        memory.Write((6 * Page) - 50, bytes.AsSpan(0, 50));
        memory.Write(9 * Page, bytes.AsSpan(50));
        for (ushort i = 0; i < 3; i++)
        {
            ring.Describe(i, 0x100000 + Page - 50, (uint)bytes.Length);
            ring.Offer(i);
        }
        using var burst = new Dataplane.Burst();
        Receive(0);
        Receive(0);
        device.AskForTranslations();
        device.AskForTranslations();
        // One page was missed by every look at it, and is asked for once.
        Assert.Equal([(0x100000ul, IotlbAccess.Read)], channel.Asked);
        device.UpdateIotlb(0x100000, Page, Front(5 * Page), IotlbAccess.Read);
        Receive(0);
        device.AskForTranslations();
        Assert.Equal([(0x100000ul, IotlbAccess.Read), (0x101000ul, IotlbAccess.Read)], channel.Asked);
        device.UpdateIotlb(0x101000, Page, Front(9 * Page), IotlbAccess.Read);
        Receive(3);
        Assert.Equal(bytes[12..], Loan.Bytes(burst, 0));
        Assert.Equal(1, burst.Frames[0].MoreSegments);

        void Receive(int frames)
        {
            owner.Input!.Receive(burst);
            Assert.Equal((frames, RingFault.None), (burst.Count, ((IGuestQueue)owner.Input).Fault));
        }
    }

    private static ulong Front(ulong address) => GuestMemoryMap.FrontEndAddress(address);

    private static void Compare(Iotlb iotlb, Dictionary<ulong, (int Entry, ulong Host, IotlbAccess Access)> pages, ulong address, ulong length)
    {
        byte* found = iotlb.Translate(address, length, out ulong? missing);
        if (ulong.MaxValue - address < length - 1)
        {
            Assert.True(found == null);
            return;
        }
        ulong? host = null;
        bool adjoins = true, known = true;
        for (ulong page = address & ~(Page - 1); known && adjoins; page += Page)
        {
            known = pages.TryGetValue(page, out var there) && there.Access == Both;
            host ??= there.Host + (address & (Page - 1));
            adjoins = !known || there.Host - (page - address) == host || page <= address;
            if (page + (Page - 1) >= address + length - 1) break;
        }
        Assert.Equal(known && adjoins ? host : 0, (ulong)found);
        Assert.Equal(!known, missing is not null);
    }

    private sealed class Channel : IBackEndChannel
    {
        public List<(ulong, IotlbAccess)> Asked { get; } = [];

        public Action<ulong, IotlbAccess>? Concluded { get; set; }

        public void AskWhenReadable(int descriptor, Action ask)
        {
            // The test asks by itself.
        }

        public bool AskForTranslation(ulong address, IotlbAccess access)
        {
            Asked.Add((address, access));
            return true;
        }

        public void Dispose()
        {
            // Nothing is open.
        }
    }

    private sealed class Owner : IDeviceEvents
    {
        private readonly Dataplane.CounterBlock _counters = new();

        public Dataplane.InputQueue? Input { get; private set; }

        public void RingRunning(Device device, Vring ring) => Input ??= GuestQueueFactory.Default.Dequeue(device, ring, _counters);

        public void RingStopping(Device device, Vring ring)
        {
            // Nobody uses it meanwhile.
        }

        public void RingEnabledChanged(Device device, Vring ring)
        {
            // Its state does not matter here.
        }

        public void RingCallChanged(Device device, Vring ring)
        {
            // Nobody is called.
        }

        public void TranslationsChanged(Device device)
        {
            // There is no other thread.
        }

        public void Announce(Device device, ulong mac)
        {
            // Nobody moves.
        }
    }
}
