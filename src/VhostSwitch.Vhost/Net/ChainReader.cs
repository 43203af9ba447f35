using VhostSwitch.Dataplane;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.Vhost.Net;

/// <summary>
/// Walks any descriptor chain: several descriptors, indirect tables, buffers that cross memory regions. The way that frames
/// take which do not fit one plain buffer. Runs on poll threads; everything it reads is read once and checked.
/// </summary>
internal static unsafe class ChainReader
{
    /// <summary>
    /// The most descriptors of a chain on a short ring: Windows drivers make indirect chains that are longer than the ring
    /// itself (Microsoft's NetKVM, 512 fragments and headers), which the specification forbids and every back-end takes.
    /// </summary>
    private const int MostOnShortRing = 515;

    /// <summary>What a chain came to.</summary>
    internal enum Outcome
    {
        /// <summary>All segments are there.</summary>
        Complete,

        /// <summary>There was not enough room for the segments.</summary>
        NoRoom,

        /// <summary>An address is not known yet; the chain can be tried again later.</summary>
        Unknown,

        /// <summary>The driver broke the rules; the ring is marked as broken.</summary>
        Broken,
    }

    /// <summary>Lists the buffers of a chain as runs of bytes in this process.</summary>
    /// <typeparam name="TRing">The ring's kind.</typeparam>
    /// <typeparam name="TSpace">The address space's kind.</typeparam>
    /// <param name="ring">The ring; marked as broken where the chain breaks the rules.</param>
    /// <param name="space">The addresses of the chain's buffers.</param>
    /// <param name="first">The chain's first descriptor.</param>
    /// <param name="deviceWrites">True where the device writes the buffers, false where it reads them.</param>
    /// <param name="into">Receives the runs.</param>
    /// <param name="room">How many fit.</param>
    /// <param name="walkedOfFrame">How many descriptors were looked at for this frame, over all its chains; 0 at its first.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="length">Their bytes.</param>
    internal static Outcome Collect<TRing, TSpace>(ref TRing ring, ref TSpace space, Descriptor first, bool deviceWrites, Segment* into, int room, ref int walkedOfFrame, out int count, out uint length)
        where TRing : struct, IDeviceRing
        where TSpace : struct, IAddressSpace
    {
        count = 0;
        ulong total = 0;
        int limit = Math.Max(ring.Size, MostOnShortRing);
        var descriptor = first;
        for (int walked = 1; ; walked++)
        {
            if (walked > limit)
            {
                ring.Break(RingFault.ChainTooLong, (ulong)limit);
                break;
            }
            if ((descriptor.Flags & Descriptor.Indirect) != 0)
            {
                // The last one of its chain (VIRTIO 1.2, 2.7.5.3.1); descriptors before it are allowed.
                if ((descriptor.Flags & Descriptor.HasNext) != 0)
                {
                    ring.Break(RingFault.BadIndirectTable, descriptor.Length);
                    break;
                }
                return CollectIndirect(ref ring, ref space, descriptor, deviceWrites, limit - walked, into, room, ref walkedOfFrame, ref count, total, out length);
            }
            var outcome = Append(ref ring, ref space, descriptor, deviceWrites, into, room, ref walkedOfFrame, ref count, ref total);
            if (outcome != Outcome.Complete)
            {
                length = 0;
                return outcome;
            }
            if ((descriptor.Flags & Descriptor.HasNext) == 0)
            {
                length = (uint)total;
                return Outcome.Complete;
            }
            if (!ring.Follow(ref descriptor)) break;
        }
        length = 0;
        return Outcome.Broken;
    }

    private static Outcome CollectIndirect<TRing, TSpace>(ref TRing ring, ref TSpace space, Descriptor table, bool deviceWrites, int limit, Segment* into, int room, ref int walkedOfFrame, ref int count, ulong total, out uint length)
        where TRing : struct, IDeviceRing
        where TSpace : struct, IAddressSpace
    {
        length = 0;
        uint entries = table.Length / SplitLayout.DescriptorSize;
        if (entries == 0 || table.Length % SplitLayout.DescriptorSize != 0)
        {
            ring.Break(RingFault.BadIndirectTable, table.Length);
            return Outcome.Broken;
        }
        uint at = 0;
        for (int walked = 0; ; walked++)
        {
            if (walked > limit || (uint)walked >= entries)
            {
                ring.Break(RingFault.ChainTooLong, (ulong)Math.Min(limit, (int)Math.Min(entries, int.MaxValue)));
                return Outcome.Broken;
            }
            // Entry by entry through the translation: a table may cross regions like any buffer (CVE-2018-1059).
            Descriptor descriptor;
            ulong where = unchecked(table.Address + ((ulong)at * SplitLayout.DescriptorSize));
            if (!AddressSpaces.Read(ref space, where, new Span<byte>(&descriptor, SplitLayout.DescriptorSize))) return Nothing(ref ring, ref space, where);
            if (TRing.TablesAreSequential)
            {
                // Of the flags, which lie where the split ring has its successor, only the direction counts (VIRTIO 1.2, 2.8.7), and
                // where the device reads not even that: DPDK's driver marks the header of what it sends as written by the device
                // (virtqueue.h, vring_desc_init_indirect_packed), and every back-end takes it.
                bool more = at + 1 < entries;
                descriptor.Flags = (ushort)((deviceWrites ? descriptor.Next & Descriptor.Write : 0) | (more ? Descriptor.HasNext : 0));
                descriptor.Next = (ushort)(at + 1);
            }
            if ((descriptor.Flags & Descriptor.Indirect) != 0)
            {
                ring.Break(RingFault.BadIndirectTable, table.Length);
                return Outcome.Broken;
            }
            var outcome = Append(ref ring, ref space, descriptor, deviceWrites, into, room, ref walkedOfFrame, ref count, ref total);
            if (outcome != Outcome.Complete) return outcome;
            if ((descriptor.Flags & Descriptor.HasNext) == 0)
            {
                length = (uint)total;
                return Outcome.Complete;
            }
            at = descriptor.Next;
            if (at >= entries)
            {
                ring.Break(RingFault.DescriptorOutOfRange, at);
                return Outcome.Broken;
            }
        }
    }

    private static Outcome Append<TRing, TSpace>(ref TRing ring, ref TSpace space, Descriptor descriptor, bool deviceWrites, Segment* into, int room, ref int walkedOfFrame, ref int count, ref ulong total)
        where TRing : struct, IDeviceRing
        where TSpace : struct, IAddressSpace
    {
        // Descriptors without length need no room and cost time all the same (CVE-2019-3900).
        if (++walkedOfFrame > Burst.MaxSegments)
        {
            ring.Break(RingFault.ChainTooLong, Burst.MaxSegments);
            return Outcome.Broken;
        }
        if ((descriptor.Flags & Descriptor.Write) != 0 != deviceWrites)
        {
            ring.Break(RingFault.WrongDirection, (ulong)count);
            return Outcome.Broken;
        }
        total += descriptor.Length;
        if (total > uint.MaxValue)
        {
            ring.Break(RingFault.ChainTooLarge, total);
            return Outcome.Broken;
        }
        ulong address = descriptor.Address;
        uint left = descriptor.Length;
        // The end of the address space does not adjoin its start.
        if (left > 0 && ulong.MaxValue - address < left - 1)
        {
            ring.Break(RingFault.AddressOutsideMemory, address);
            return Outcome.Broken;
        }
        while (left > 0)
        {
            byte* data = space.TranslateSome(address, left, deviceWrites, out ulong contiguous);
            if (data == null) return Nothing(ref ring, ref space, address);
            if (count == room) return Outcome.NoRoom;
            into[count++] = new Segment { Data = data, Length = (uint)contiguous };
            left -= (uint)contiguous;
            address += contiguous;
        }
        return Outcome.Complete;
    }

    private static Outcome Nothing<TRing, TSpace>(ref TRing ring, ref TSpace space, ulong address)
        where TRing : struct, IDeviceRing
        where TSpace : struct, IAddressSpace
    {
        if (space.TakeMiss()) return Outcome.Unknown;
        ring.Break(RingFault.AddressOutsideMemory, address);
        return Outcome.Broken;
    }
}
