using VhostSwitch.Vhost;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Packed;

namespace VhostSwitch.TestKit.Guest;

/// <summary>
/// The driver's pen on a packed ring: writes any number into any entry and checks nothing, so that a test can make whatever a
/// hostile driver could; reads back what the device wrote.
/// </summary>
public sealed unsafe class PackedRingWriter : RingWriter
{
    private const ushort Marks = PackedDescriptor.Available | PackedDescriptor.Used;

    private PackedPosition _nextUsed = PackedPosition.Start;

    /// <summary>Takes over the memory of a ring.</summary>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="place">Where the ring lies; each part whole in one region.</param>
    public PackedRingWriter(GuestMemoryMap memory, PackedRingPlace place)
    {
        Place = place;
        Entries = (PackedDescriptor*)memory.At(place.Descriptors);
        DriverEvent = (EventSuppression*)memory.At(place.DriverEvent);
        DeviceEvent = (EventSuppression*)memory.At(place.DeviceEvent);
    }

    /// <summary>Where the ring lies.</summary>
    public PackedRingPlace Place { get; }

    /// <inheritdoc/>
    public override int Size => Place.Size;

    /// <inheritdoc/>
    public override VringAddresses FrontEndAddresses => Place.FrontEndAddresses;

    /// <inheritdoc/>
    public override uint Start => (uint)PackedPosition.Start.Value | ((uint)PackedPosition.Start.Value << 16);

    /// <summary>The descriptor ring in this process.</summary>
    public PackedDescriptor* Entries { get; }

    /// <summary>What the driver says of notifications, in this process.</summary>
    public EventSuppression* DriverEvent { get; }

    /// <summary>What the device says of notifications, in this process. A driver never writes it, a hostile one may.</summary>
    public EventSuppression* DeviceEvent { get; }

    /// <summary>Where the next entry is made available, with the driver's wrap counter.</summary>
    public PackedPosition Next { get; set; } = PackedPosition.Start;

    /// <summary>The two bits that say an entry is available in a round.</summary>
    /// <param name="wrap">The round's wrap counter.</param>
    public static ushort AvailableIn(bool wrap) => wrap ? PackedDescriptor.Available : PackedDescriptor.Used;

    /// <summary>Writes an entry whole; its flags go last, in one store.</summary>
    /// <param name="index">Its place; must lie in the ring.</param>
    /// <param name="address">Any address.</param>
    /// <param name="length">Any length.</param>
    /// <param name="id">Any buffer id.</param>
    /// <param name="flags">Any flags, the two that make it available or used among them.</param>
    public void Describe(int index, ulong address, uint length, ushort id, ushort flags)
    {
        var entry = Entries + index;
        entry->Address = address;
        entry->Length = length;
        entry->Id = id;
        RingOrder.PublishFlags(&entry->Flags, flags);
    }

    /// <summary>The flags of an entry as they are now.</summary>
    /// <param name="index">Its place; must lie in the ring.</param>
    public ushort FlagsAt(int index) => RingOrder.AcquireFlags(&Entries[index].Flags);

    /// <summary>Makes a chain available at <see cref="Next"/>; its first entry is written last. All entries have the same id.</summary>
    /// <param name="id">Any buffer id.</param>
    /// <param name="flags">The flags of all of them, beside those that link them and make them available.</param>
    /// <param name="parts">Address and length of each; at most the ring's size.</param>
    public void Offer(ushort id, ushort flags, params ReadOnlySpan<(ulong Address, uint Length)> parts)
    {
        for (int i = parts.Length - 1; i >= 0; i--)
        {
            var at = Next;
            at.Advance(i, Size);
            int link = i < parts.Length - 1 ? Descriptor.HasNext : 0;
            Describe(at.Index, parts[i].Address, parts[i].Length, id, (ushort)(flags | link | AvailableIn(at.Wrap)));
        }
        var next = Next;
        next.Advance(parts.Length, Size);
        Next = next;
    }

    /// <summary>True when the device has used the entry where a chain was made available.</summary>
    /// <param name="at">The place of the chain's first entry.</param>
    public bool IsUsed(PackedPosition at) => (FlagsAt(at.Index) & Marks) == (at.Wrap ? Marks : 0);

    /// <summary>An entry as it is now: a used one's length and id are the device's.</summary>
    /// <param name="index">Its place; must lie in the ring.</param>
    public PackedDescriptor EntryAt(int index) => Entries[index];

    /// <summary>The next entry that the device is to use, with its wrap counter, for chains of one entry.</summary>
    public PackedPosition NextUsed => _nextUsed;

    /// <inheritdoc/>
    public override void Post(int buffer, ulong address, uint length, bool deviceWrites) =>
        Offer((ushort)buffer, deviceWrites ? Descriptor.Write : (ushort)0, (address, length));

    /// <inheritdoc/>
    public override bool TryTakeUsed(out int buffer, out uint written)
    {
        bool used = IsUsed(_nextUsed);
        buffer = used ? Entries[_nextUsed.Index].Id : -1;
        written = used ? Entries[_nextUsed.Index].Length : 0;
        if (used) _nextUsed.Advance(1, Size);
        return used;
    }

    /// <summary>Clears the ring: all parts to zero.</summary>
    public void Clear()
    {
        new Span<PackedDescriptor>(Entries, Size).Clear();
        *DriverEvent = default;
        *DeviceEvent = default;
    }
}
