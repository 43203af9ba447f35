using VhostSwitch.TestKit.Guest;
using VhostSwitch.Virtio;

namespace VhostSwitch.Vhost.Tests.Net;

/// <summary>
/// What a chain of a split transmit ring is, by the specification and as slowly as one likes: its bytes, or the rule it breaks.
/// Shares nothing with the device.
/// </summary>
internal sealed class ChainModel(GuestMemoryMap memory, ulong table, int size)
{
    private readonly List<byte> _bytes = [];
    private ulong _total;

    public static (RingFault Fault, byte[] Bytes) Read(GuestMemoryMap memory, ulong table, int size, int head)
    {
        var model = new ChainModel(memory, table, size);
        var fault = head >= size ? RingFault.DescriptorOutOfRange : model.Walk(head);
        if (fault == RingFault.None && model._total < 12) fault = RingFault.ShorterThanHeader;
        return (fault, [.. model._bytes]);
    }

    private RingFault Walk(int at)
    {
        // Windows' drivers have chains that are longer than the ring.
        for (int count = 0; count < Math.Max(size, 515); count++)
        {
            var (address, length, flags, next) = Entry(table, at);
            if ((flags & 4) != 0) return (flags & 1) != 0 ? RingFault.BadIndirectTable : WalkTable(address, length);
            if (Add(address, length, flags) is var fault and not RingFault.None) return fault;
            if ((flags & 1) == 0) return RingFault.None;
            if (next >= size) return RingFault.DescriptorOutOfRange;
            at = next;
        }
        return RingFault.ChainTooLong;
    }

    private RingFault WalkTable(ulong start, uint bytes)
    {
        if (bytes == 0 || bytes % 16 != 0) return RingFault.BadIndirectTable;
        uint at = 0;
        for (uint count = 0; count < bytes / 16 && count < 515; count++)
        {
            if (!Has(start + (16 * (ulong)at), 16)) return RingFault.AddressOutsideMemory;
            var (address, length, flags, next) = Entry(start, (int)at);
            if ((flags & 4) != 0) return RingFault.BadIndirectTable;
            if (Add(address, length, flags) is var fault and not RingFault.None) return fault;
            if ((flags & 1) == 0) return RingFault.None;
            if (next >= bytes / 16) return RingFault.DescriptorOutOfRange;
            at = next;
        }
        return RingFault.ChainTooLong;
    }

    private RingFault Add(ulong address, uint length, int flags)
    {
        if ((flags & 2) != 0) return RingFault.WrongDirection;
        _total += length;
        if (_total > uint.MaxValue) return RingFault.ChainTooLarge;
        if (length > 0 && !Has(address, length)) return RingFault.AddressOutsideMemory;
        // No frame is as long as what is not read here.
        if (_total < 70_000) _bytes.AddRange(memory.Read(address, (int)length));
        else _bytes.AddRange(new byte[Math.Min(length, 70_000)]);
        return RingFault.None;
    }

    private bool Has(ulong address, ulong length)
    {
        if (address + (length - 1) < address) return false;
        for (ulong at = address, end = address + (length - 1); ;)
        {
            if (memory.Files.FirstOrDefault(f => f.Contains(at)) is not { } file) return false;
            if (end - file.GuestAddress < file.Length) return true;
            at = file.GuestAddress + file.Length;
        }
    }

    private (ulong Address, uint Length, int Flags, ushort Next) Entry(ulong start, int index)
    {
        byte[] bytes = memory.Read(start + (16 * (ulong)index), 16);
        return (BitConverter.ToUInt64(bytes), BitConverter.ToUInt32(bytes, 8), BitConverter.ToUInt16(bytes, 12), BitConverter.ToUInt16(bytes, 14));
    }
}
