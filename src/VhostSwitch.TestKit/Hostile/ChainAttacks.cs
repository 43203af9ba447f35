using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Split;
using static VhostSwitch.TestKit.Hostile.AttackOutcome;
using static VhostSwitch.Virtio.Descriptor;

namespace VhostSwitch.TestKit.Hostile;

/// <summary>Descriptor chains that break the rules of the ring.</summary>
public static class ChainAttacks
{
    private const uint EntryLength = SplitLayout.DescriptorSize;

    /// <summary>The attacks.</summary>
    public static IReadOnlyList<Attack> All { get; } =
    [
        Broken("transmits from outside the memory", f => f.TransmitsDescriptor(0xdead_0000, 72)),
        Broken("CVE-2018-1059: transmits beyond the end of a region", f => f.TransmitsDescriptor(f.Guest.High.End - 64, 72)),
        Broken("CVE-2018-1059: transmits beyond the end of a region by four gigabytes", f => f.TransmitsDescriptor(f.Guest.High.End - 64, uint.MaxValue)),
        Broken("transmits from the end of all addresses", f => f.TransmitsDescriptor(unchecked(0UL - 32), 72)),
        Broken("transmits a chain that goes on at a descriptor that is not there", f => f.TransmitsDescriptor(f.Buffer(), 72, HasNext, (ushort)f.Transmit.Size)),
        Broken("transmits a chain that goes on at itself", f => f.TransmitsDescriptor(f.Buffer(), 72, HasNext, 0)),
        Broken("CVE-2016-6490: transmits a loop of descriptors without length", f => f.TransmitsDescriptor(f.Buffer(), 0, HasNext, 0)),
        Broken("transmits a loop of all descriptors", f =>
        {
            ulong buffer = f.Buffer();
            for (int i = 0; i < f.Transmit.Size; i++)
                f.Transmit.Describe(i, buffer, 1, HasNext, (ushort)((i + 1) % f.Transmit.Size));
            f.Transmits(0);
        }),
        Broken("transmits more bytes than a length can tell", f =>
        {
            f.Transmit.Describe(0, f.Buffer(), 72, HasNext, 1);
            f.Transmit.Describe(1, f.Buffer(), uint.MaxValue);
            f.Transmits(0);
        }),
        Broken("transmits what the device is to write", f => f.TransmitsDescriptor(f.Buffer(), 72, Write)),
        Broken("transmits a chain whose end the device is to write", f =>
        {
            f.Transmit.Describe(0, f.Buffer(), 72, HasNext, 1);
            f.Transmit.Describe(1, f.Buffer(), 72, Write);
            f.Transmits(0);
        }),
        Broken("CVE-2022-2132: transmits less than a header", f => f.TransmitsDescriptor(f.Buffer(), (uint)f.Guest.HeaderLength - 1)),
        Broken("CVE-2022-2132: transmits a chain of less than a header in single bytes", f =>
        {
            ulong buffer = f.Buffer();
            f.Transmit.DescribeChain(0, 0, [.. Enumerable.Range(0, f.Guest.HeaderLength - 1).Select(i => (buffer + (ulong)i, 1u))]);
            f.Transmits(0);
        }),
        Broken("transmits nothing at all", f => f.TransmitsDescriptor(f.Buffer(), 0)),
        Broken("transmits an empty indirect table", f => f.TransmitsDescriptor(f.Buffer(), 0, Indirect)),
        Broken("transmits an indirect table of half an entry", f => f.TransmitsDescriptor(f.Buffer(), 8, Indirect)),
        Broken("transmits an indirect table of one and a half entries", f => f.TransmitsDescriptor(f.Buffer(), 24, Indirect)),
        Broken("transmits an indirect table outside the memory", f => f.TransmitsDescriptor(0xdead_0000, EntryLength, Indirect)),
        Broken("CVE-2018-1059: transmits an indirect table beyond the end of a region", f =>
        {
            ulong table = f.Guest.High.End - EntryLength;
            f.Guest.Memory.Write(table, Entry(f.Buffer(), 12, HasNext, 1));
            f.TransmitsDescriptor(table, 2 * EntryLength, Indirect);
        }),
        Broken("transmits an indirect table that goes on behind its end", f => Table(f, Entry(f.Buffer(), 72, HasNext, 1))),
        Broken("transmits an indirect table that goes on at itself", f => Table(f, Entry(f.Buffer(), 72, HasNext, 0))),
        Broken("transmits an indirect table in an indirect table", f => Table(f, Entry(f.Buffer(), EntryLength, Indirect, 0))),
        Broken("transmits an indirect table with a buffer outside the memory", f => Table(f, Entry(0xdead_0000, 72, 0, 0))),
        Broken("transmits an indirect table that goes on outside itself", f =>
        {
            ulong table = f.Buffer();
            f.Guest.Memory.Write(table, Entry(f.Buffer(), 72, 0, 0));
            f.Transmit.Describe(1, f.Buffer(), 72);
            f.TransmitsDescriptor(table, EntryLength, Indirect | HasNext, 1);
        }),
        Broken("transmits an indirect table of four gigabytes", f => f.TransmitsDescriptor(f.Guest.High.End - 4096, uint.MaxValue - 15, Indirect)),
        Broken("receives what the device is to read", f =>
        {
            f.Receive.Describe(0, f.Buffer(), 2048);
            f.Receives(0);
        }),
        Broken("receives outside the memory", f => f.ReceivesDescriptor(0xdead_0000, 2048)),
        Broken("CVE-2018-1059: receives beyond the end of a region", f => f.ReceivesDescriptor(f.Guest.High.End - 64, 2048)),
        Broken("receives at the end of all addresses", f => f.ReceivesDescriptor(unchecked(0UL - 32), 2048)),
        Broken("receives into less than a header", f => f.ReceivesDescriptor(f.Buffer(), (uint)f.Guest.HeaderLength - 1)),
        Broken("CVE-2016-6490: receives into a loop of descriptors without length", f => f.ReceivesDescriptor(f.Buffer(), 0, HasNext, 0)),
        Broken("receives into an indirect table in an indirect table", f =>
        {
            ulong table = f.Buffer();
            f.Guest.Memory.Write(table, Entry(f.Buffer(), EntryLength, Indirect | Write, 0));
            f.ReceivesDescriptor(table, EntryLength, Indirect);
        }),
        Broken("CVE-2021-3748: receives into a second buffer outside the memory", f =>
        {
            f.Receive.Describe(0, f.Buffer(), 20, Write);
            f.Receive.Describe(1, 0xdead_0000, 2048, Write);
            f.Receive.Offer(0, 1);
        }),
    ];

    private static Attack Broken(string name, Action<HostileFrontEnd> run) => new(name, RingBroken, f =>
    {
        f.SetUp();
        run(f);
    });

    private static void Table(HostileFrontEnd f, byte[] entries)
    {
        ulong table = f.Buffer();
        f.Guest.Memory.Write(table, entries);
        f.TransmitsDescriptor(table, (uint)entries.Length, Indirect);
    }

    private static unsafe byte[] Entry(ulong address, uint length, ushort flags, ushort next)
    {
        var entry = new Descriptor { Address = address, Length = length, Flags = flags, Next = next };
        return new ReadOnlySpan<byte>(&entry, SplitLayout.DescriptorSize).ToArray();
    }
}
