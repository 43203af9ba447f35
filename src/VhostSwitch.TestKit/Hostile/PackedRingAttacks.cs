using VhostSwitch.TestKit.Guest;
using VhostSwitch.TestKit.Host;
using VhostSwitch.TestKit.Protocol;
using VhostSwitch.Vhost.User;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Packed;
using static VhostSwitch.TestKit.Hostile.AttackOutcome;
using static VhostSwitch.Virtio.Descriptor;

namespace VhostSwitch.TestKit.Hostile;

/// <summary>Packed rings that break the rules: their entries, marks, positions, sizes and event areas.</summary>
public static class PackedRingAttacks
{
    private const ushort Marks = PackedDescriptor.Available | PackedDescriptor.Used;
    private const uint EntryLength = PackedLayout.DescriptorSize;
    private const uint FrameLength = 72;
    private const ulong Nowhere = 0xdead_0000;

    // Restarts of a ring under a thread that rewrites it, and entries made available between two of them.
    private const int Restarts = 40;
    private const int OffersPerRestart = 500;

    /// <summary>The attacks.</summary>
    public static IReadOnlyList<Attack> All { get; } =
    [
        Tolerates("SPDK 3879: transmits packed buffer 65535", f => Echoes(f, 65535)),
        Tolerates("transmits the packed buffer behind the last one", f => Echoes(f, (ushort)f.Guest.Rings[1].Size)),
        Tolerates("transmits the same packed buffer id ten times at once", TransmitsOneIdTenTimes),
        Breaks("transmits a packed chain that goes round the whole ring", f => RoundTheRing(f, 1, 1)),
        Breaks("CVE-2016-6490: transmits a packed chain without length that goes round the whole ring", f => RoundTheRing(f, 1, 0)),
        Breaks("receives into a packed chain that goes round the whole ring", f => RoundTheRing(f, 0, 1)),
        Breaks("CVE-2016-6490: receives into a packed chain without length that goes round the whole ring", f => RoundTheRing(f, 0, 0)),
        Tolerates("transmits a packed chain whose second entry was never written", f =>
        {
            var ring = f.Guest.PackedTransmit;
            ring.Describe(0, f.Buffer(), FrameLength, 7, HasNext | PackedDescriptor.Available);
            f.Guest.Kick(1);
            WaitForUsed(ring, PackedPosition.Start);
        }),
        Breaks("transmits from outside the memory on a packed ring", f => Transmits(f, Nowhere, FrameLength)),
        Breaks("CVE-2018-1059: transmits beyond the end of a region on a packed ring", f => Transmits(f, f.Guest.High.End - 64, FrameLength)),
        Breaks("transmits from the end of all addresses on a packed ring", f => Transmits(f, unchecked(0UL - 32), FrameLength)),
        Breaks("transmits four gigabytes on a packed ring", f => Transmits(f, f.Guest.High.End - 64, uint.MaxValue)),
        Breaks("transmits more bytes than a length can tell on a packed ring",
            f => Transmits(f, 0, (f.Buffer(), FrameLength), (f.Buffer(), uint.MaxValue))),
        Breaks("transmits what the device is to write on a packed ring", f => Transmits(f, Write, (f.Buffer(), FrameLength))),
        Breaks("CVE-2022-2132: transmits less than a header on a packed ring", f => Transmits(f, f.Buffer(), (uint)f.Guest.HeaderLength - 1)),
        Breaks("transmits nothing at all on a packed ring", f => Transmits(f, f.Buffer(), 0)),
        Breaks("CVE-2020-10725: transmits nothing in the third of four packed entries", f => ThirdOfFour(f, f.Buffer(), 0)),
        Breaks("CVE-2020-10725: transmits from outside the memory in the third of four packed entries", f => ThirdOfFour(f, Nowhere, FrameLength)),
        Breaks("transmits an empty indirect table on a packed ring", f => Transmits(f, Indirect, (f.Buffer(), 0u))),
        Breaks("transmits an indirect table of half an entry on a packed ring",
            f => Transmits(f, Indirect, (f.Buffer(), EntryLength / 2))),
        Breaks("transmits an indirect table of one and a half entries on a packed ring",
            f => Transmits(f, Indirect, (f.Buffer(), EntryLength * 3 / 2))),
        Breaks("transmits an indirect table outside the memory on a packed ring", f => Transmits(f, Indirect, (Nowhere, EntryLength))),
        Breaks("transmits an indirect table of four gigabytes on a packed ring",
            f => Transmits(f, Indirect, (f.Guest.High.End - 4096, uint.MaxValue - EntryLength + 1))),
        Breaks("transmits an indirect table of 600 entries on a packed ring", f =>
        {
            const int Entries = 600;
            ulong table = f.Guest.Memory.Allocate(Entries * EntryLength), buffer = f.Buffer();
            for (int i = 0; i < Entries; i++)
                f.Guest.Memory.Write(table + ((ulong)i * EntryLength), Entry(buffer, 1, 0));
            Transmits(f, Indirect, (table, Entries * EntryLength));
        }),
        Breaks("transmits an indirect table with a buffer outside the memory on a packed ring",
            f => Transmits(f, Indirect, (Table(f, Entry(Nowhere, FrameLength, 0)), EntryLength))),
        Breaks("CVE-2018-1059: transmits an indirect table beyond the end of a region on a packed ring", f =>
        {
            ulong table = f.Guest.High.End - EntryLength;
            f.Guest.Memory.Write(table, Entry(f.Buffer(), 12, 0));
            Transmits(f, Indirect, (table, 2 * EntryLength));
        }),
        Breaks("transmits an indirect table that goes on in the ring on a packed ring", f =>
        {
            ulong table = Table(f, Entry(f.Buffer(), FrameLength, 0));
            Transmits(f, Indirect, (table, EntryLength), (f.Buffer(), FrameLength));
        }),
        // The flags of a packed ring's table mean nothing but the direction (VIRTIO 1.2, 2.8.7): this is a buffer of 16 bytes, and no frame.
        new("transmits an indirect table in an indirect table on a packed ring", FrameDropped, OnPackedRing(f =>
            Transmits(f, Indirect, (Table(f, Entry(Table(f, Entry(f.Buffer(), FrameLength, 0)), EntryLength, Indirect)), EntryLength))))
            { With = Features.RingPacked },
        Breaks("receives what the device is to read on a packed ring", f => Receives(f, 0, (f.Buffer(), 2048u))),
        Breaks("receives outside the memory on a packed ring", f => Receives(f, Write, (Nowhere, 2048u))),
        Breaks("CVE-2018-1059: receives beyond the end of a region on a packed ring", f => Receives(f, Write, (f.Guest.High.End - 64, 2048u))),
        Breaks("receives at the end of all addresses on a packed ring", f => Receives(f, Write, (unchecked(0UL - 32), 2048u))),
        Breaks("receives into less than a header on a packed ring", f => Receives(f, Write, (f.Buffer(), (uint)f.Guest.HeaderLength - 1))),
        Breaks("receives into nothing on a packed ring", f => Receives(f, Write, (f.Buffer(), 0u))),
        Breaks("receives into an empty indirect table on a packed ring", f => Receives(f, Write | Indirect, (f.Buffer(), 0u))),
        Breaks("receives into an indirect table that the device is to read on a packed ring",
            f => Receives(f, Write | Indirect, (Table(f, Entry(f.Buffer(), 2048, 0)), EntryLength))),
        Breaks("CVE-2021-3748: receives into a second packed buffer outside the memory", f =>
        {
            var ring = f.Guest.PackedReceive;
            ring.Offer(0, Write, (f.Buffer(), 20u));
            ring.Offer(1, Write, (Nowhere, 2048u));
        }),
        new("receives into a header alone on a packed ring", ReceiveDropped,
            OnPackedRing(f => Receives(f, Write, (f.Buffer(), (uint)f.Guest.HeaderLength))))
            { With = Features.RingPacked, Without = Features.MrgRxbuf },
        new("receives into half of what a frame needs on a packed ring", ReceiveDropped, OnPackedRing(f => Receives(f, Write, (f.Buffer(), 40u))))
            { With = Features.RingPacked, Without = Features.MrgRxbuf },
        Tolerates("marks a packed entry as used before it was available", f => StaysUntaken(f, 0, Marks)),
        Tolerates("marks a packed entry as available for the round after this one", f => StaysUntaken(f, 0, PackedDescriptor.Used)),
        Tolerates("marks all packed entries as available but the next one", f =>
        {
            for (int i = 1; i < f.Guest.PackedTransmit.Size; i++)
                f.Guest.PackedTransmit.Describe(i, Nowhere, FrameLength, 0, PackedDescriptor.Available);
            StaysUntaken(f, 0, 0);
        }),
        Tolerates("marks what the device has used as available for the same round again", f =>
        {
            var ring = f.Guest.PackedTransmit;
            Echoes(f, 1);
            ring.Describe(0, Nowhere, FrameLength, 1, PackedDescriptor.Available);
            f.Guest.Kick(1);
            // The device is at the next entry, and takes it.
            ring.Offer(2, 0, (f.Buffer(), FrameLength));
            f.Guest.Kick(1);
            WaitForUsed(ring, new PackedPosition(PackedLayout.WrapBit | 1));
            if (ring.FlagsAt(0) != PackedDescriptor.Available) throw new FrontEndScriptException("the device went back to an entry of this round");
        }),
        Tolerates("fills both packed event areas with garbage while frames go", ScribblesOverTheEventAreas),
        new("rewrites packed entries while they are taken", Raced, OnPackedRing(RewritesEntries)) { With = Features.RingPacked, IsLong = true },
        new("CVE-2019-3900: makes every packed entry available again as soon as it is used, without end", Tolerated, OnPackedRing(NeverRunsDry))
            { With = Features.RingPacked, IsLong = true },
        Refuses("makes a packed ring of 0 entries", f => f.Script.Send(FrontEndRequest.SetVringNum, Payload.State(1, 0))),
        Refuses("makes a packed ring of 32769 entries", f => f.Script.Send(FrontEndRequest.SetVringNum, Payload.State(1, 32769))),
        Refuses("makes a packed ring of 65535 entries", f => f.Script.Send(FrontEndRequest.SetVringNum, Payload.State(1, 65535))),
        Refuses("makes a packed ring of four billion entries", f => f.Script.Send(FrontEndRequest.SetVringNum, Payload.State(1, uint.MaxValue))),
        Refuses("begins a packed ring that runs anew", f => f.Script.Send(FrontEndRequest.SetVringBase, Payload.State(0, 0x8000_8000))),
        Refuses("turns packed rings into split ones while they run",
            f => f.Script.Send(FrontEndRequest.SetFeatures, Payload.Number((ulong)(f.Guest.Options.Features & ~Features.RingPacked)))),
        StandsStill("begins a packed ring behind its end", f => Begins(f, 0x812c_812c)),
        StandsStill("begins a packed ring of 256 entries at entry 256", f => Begins(f, 0x8100_8100)),
        StandsStill("begins a packed ring at entry 32767 of both rounds", f => Begins(f, 0x7fff_ffff)),
        Tolerates("begins a packed ring with two positions and wrap counters that contradict each other", f => Begins(f, 0x0005_8003)),
        StandsStill("begins a split ring where a packed one stood", f =>
        {
            // As split rings, these lie where the packed ones did: the available ring in four bytes, the used one behind them.
            foreach (uint ring in new uint[] { 0, 1 })
                f.Script.Ask(FrontEndRequest.GetVringBase, Payload.State(ring, 0));
            f.Script.Send(FrontEndRequest.SetFeatures, Payload.Number((ulong)(f.Guest.Options.Features & ~Features.RingPacked)));
            f.Script.Send(FrontEndRequest.SetVringAddr, Payload.Addresses(1, f.Guest.Rings[1].FrontEndAddresses with
            {
                Used = GuestMemoryMap.FrontEndAddress(f.Guest.Low.End) - 4,
            }));
            f.Script.Send(FrontEndRequest.SetVringKick, Payload.Number(1), [f.Guest.Kicks[1].Number]);
        }),
        StandsStill("places a packed ring across the end of a region", f => Place(f, p => p with { Descriptor = LowEnd(f) - 64 })),
        StandsStill("places a packed ring's driver event area across the end of a region", f => Place(f, p => p with { Available = LowEnd(f) - 2 })),
        StandsStill("places a packed ring's device event area at the end of all addresses", f => Place(f, p => p with { Used = unchecked(0UL - 4) })),
        StandsStill("misaligns a packed ring", f => Place(f, p => p with { Descriptor = p.Descriptor + 8 })),
        StandsStill("misaligns a packed ring's driver event area", f => Place(f, p => p with { Available = p.Available + 2 })),
        StandsStill("misaligns a packed ring's device event area", f => Place(f, p => p with { Used = p.Used + 1 })),
    ];

    private static Attack Breaks(string name, Action<HostileFrontEnd> run) =>
        new(name, RingBroken, OnPackedRing(run)) { With = Features.RingPacked };

    private static Attack Tolerates(string name, Action<HostileFrontEnd> run) =>
        new(name, Tolerated, OnPackedRing(run)) { With = Features.RingPacked };

    private static Attack Refuses(string name, Action<HostileFrontEnd> run) =>
        new(name, Disconnected, OnPackedRing(run)) { With = Features.RingPacked };

    private static Attack StandsStill(string name, Action<HostileFrontEnd> run) =>
        new(name, NotStarted, OnPackedRing(run)) { With = Features.RingPacked };

    private static Action<HostileFrontEnd> OnPackedRing(Action<HostileFrontEnd> run) => f =>
    {
        f.SetUp();
        run(f);
    };

    private static void Transmits(HostileFrontEnd f, ulong address, uint length) => Transmits(f, 0, (address, length));

    private static void Transmits(HostileFrontEnd f, ushort flags, params ReadOnlySpan<(ulong Address, uint Length)> parts)
    {
        f.Guest.PackedTransmit.Offer(0, flags, parts);
        f.Guest.Kick(1);
    }

    private static void Receives(HostileFrontEnd f, ushort flags, params ReadOnlySpan<(ulong Address, uint Length)> parts)
    {
        f.Guest.PackedReceive.Offer(0, flags, parts);
        f.Guest.Kick(0);
    }

    // Whatever number the driver gives a buffer, it gets it back: the device keeps no table by it.
    private static void Echoes(HostileFrontEnd f, ushort id)
    {
        var ring = f.Guest.PackedTransmit;
        var at = ring.Next;
        ring.Offer(id, 0, (f.Buffer(), FrameLength));
        f.Guest.Kick(1);
        WaitForUsed(ring, at);
        if (ring.EntryAt(at.Index).Id != id) throw new FrontEndScriptException($"buffer {id} came back as {ring.EntryAt(at.Index).Id}");
    }

    private static void TransmitsOneIdTenTimes(HostileFrontEnd f)
    {
        var ring = f.Guest.PackedTransmit;
        ulong buffer = f.BufferForNobody();
        var last = ring.Next;
        for (int i = 0; i < 10; i++)
        {
            last = ring.Next;
            ring.Offer(3, 0, (buffer, FrameLength));
        }
        f.Guest.Kick(1);
        WaitForUsed(ring, last);
        for (int i = 0; i < 10; i++)
        {
            if (ring.EntryAt(i).Id != 3) throw new FrontEndScriptException($"buffer 3 came back as {ring.EntryAt(i).Id}");
        }
    }

    private static void RoundTheRing(HostileFrontEnd f, int ring, uint length)
    {
        ulong buffer = f.Buffer();
        var packed = (PackedRingWriter)f.Guest.Rings[ring];
        int direction = ring == 0 ? Write : 0;
        for (int i = packed.Size - 1; i >= 0; i--)
            packed.Describe(i, buffer, length, 0, (ushort)(direction | HasNext | PackedDescriptor.Available));
        f.Guest.Kick(ring);
    }

    private static void ThirdOfFour(HostileFrontEnd f, ulong address, uint length)
    {
        var ring = f.Guest.PackedTransmit;
        for (int i = 3; i >= 0; i--)
            ring.Describe(i, i == 2 ? address : f.Buffer(), i == 2 ? length : FrameLength, (ushort)i, PackedDescriptor.Available);
        f.Guest.Kick(1);
        // The two before it are good, and are sent.
        WaitForUsed(ring, new PackedPosition(PackedLayout.WrapBit | 1));
    }

    private static void StaysUntaken(HostileFrontEnd f, int index, ushort flags)
    {
        var ring = f.Guest.PackedTransmit;
        ring.Describe(index, Nowhere, FrameLength, 9, flags);
        f.Guest.Kick(1);
        // The answer comes after the kick was looked at: the ring is stopped, and where it stands is where it began.
        uint stoppedAt = f.Script.Ask(FrontEndRequest.GetVringBase, Payload.State(1, 0)).RingNumber;
        if (stoppedAt != ring.Start || ring.FlagsAt(index) != flags)
            throw new FrontEndScriptException($"the device went on to 0x{stoppedAt:x}, and the entry has the flags 0x{ring.FlagsAt(index):x}");
    }

    private static unsafe void ScribblesOverTheEventAreas(HostileFrontEnd f)
    {
        var ring = f.Guest.PackedTransmit;
        var random = new Random(1);
        ulong buffer = f.BufferForNobody();
        for (int i = 0; i < 3 * ring.Size; i++)
        {
            *(uint*)ring.DeviceEvent = (uint)random.NextInt64();
            *(uint*)ring.DriverEvent = (uint)random.NextInt64();
            *(uint*)f.Guest.PackedReceive.DriverEvent = (uint)random.NextInt64();
            *(uint*)f.Guest.PackedReceive.DeviceEvent = (uint)random.NextInt64();
            var at = ring.Next;
            ring.Offer((ushort)i, 0, (buffer, FrameLength));
            f.Guest.Kick(1);
            WaitForUsed(ring, at);
        }
    }

    // What was checked is what is used, whatever the driver writes meanwhile; the ring breaks or it does not.
    private static unsafe void RewritesEntries(HostileFrontEnd f)
    {
        var ring = f.Guest.PackedTransmit;
        ulong buffer = f.BufferForNobody();
        bool done = false;
        var writer = new Thread(() =>
        {
            ulong[] addresses = [buffer, Nowhere, f.Guest.High.End - 20, ulong.MaxValue - 16];
            uint[] lengths = [FrameLength, 0, uint.MaxValue, EntryLength];
            ushort[] flags = [0, HasNext, Write, Indirect, Indirect | HasNext, Marks];
            var random = new Random(2);
            while (!Volatile.Read(ref done))
            {
                var entry = ring.Entries + random.Next(ring.Size);
                entry->Address = addresses[random.Next(addresses.Length)];
                entry->Length = lengths[random.Next(lengths.Length)];
                entry->Flags ^= flags[random.Next(flags.Length)];
            }
        });
        writer.Start();
        try
        {
            for (int restart = 0; restart < Restarts; restart++)
            {
                for (int i = 0; i < OffersPerRestart; i++)
                {
                    ring.Offer((ushort)i, 0, (buffer, FrameLength));
                    f.Guest.Kick(1);
                }
                f.Script.Ask(FrontEndRequest.GetVringBase, Payload.State(1, 0));
                ring.Clear();
                ring.Next = PackedPosition.Start;
                FrontEndHandshake.StartRing(f.Script, f.Guest, 1);
            }
        }
        finally
        {
            Volatile.Write(ref done, true);
            writer.Join();
        }
    }

    // Frames for nobody come as fast as a thread can make them; the others have their turns all the same.
    private static void NeverRunsDry(HostileFrontEnd f)
    {
        const int Rounds = 200;
        var ring = f.Guest.PackedTransmit;
        ulong buffer = f.BufferForNobody();
        for (int i = 0; i < ring.Size; i++)
            ring.Post(i, buffer, FrameLength, deviceWrites: false);
        f.Guest.Kick(1);
        for (int taken = 0; taken < Rounds * ring.Size; taken++)
        {
            int id = -1;
            Until.True(() => ring.TryTakeUsed(out id, out _), "an entry used");
            ring.Post(id, buffer, FrameLength, deviceWrites: false);
            f.Guest.Kick(1);
        }
    }

    private static void Begins(HostileFrontEnd f, uint position)
    {
        f.Script.Ask(FrontEndRequest.GetVringBase, Payload.State(1, 0));
        FrontEndHandshake.StartRing(f.Script, f.Guest, 1, position);
        f.Guest.Kick(1);
        f.Script.Ask(FrontEndRequest.GetFeatures);
    }

    private static void Place(HostileFrontEnd f, Func<Vhost.VringAddresses, Vhost.VringAddresses> change)
    {
        f.Script.Ask(FrontEndRequest.GetVringBase, Payload.State(1, 0));
        f.Script.Send(FrontEndRequest.SetVringAddr, Payload.Addresses(1, change(f.Guest.Rings[1].FrontEndAddresses)));
        f.Script.Send(FrontEndRequest.SetVringKick, Payload.Number(1), [f.Guest.Kicks[1].Number]);
    }

    private static ulong LowEnd(HostileFrontEnd f) => GuestMemoryMap.FrontEndAddress(f.Guest.Low.End);

    private static void WaitForUsed(PackedRingWriter ring, PackedPosition at) => Until.True(() => ring.IsUsed(at), $"entry {at.Index} used");

    private static ulong Table(HostileFrontEnd f, byte[] entries)
    {
        ulong table = f.Buffer();
        f.Guest.Memory.Write(table, entries);
        return table;
    }

    private static unsafe byte[] Entry(ulong address, uint length, ushort flags)
    {
        var entry = new PackedDescriptor { Address = address, Length = length, Flags = flags };
        return new ReadOnlySpan<byte>(&entry, PackedLayout.DescriptorSize).ToArray();
    }
}
