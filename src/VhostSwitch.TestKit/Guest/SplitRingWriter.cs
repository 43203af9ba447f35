using VhostSwitch.Vhost;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.TestKit.Guest;

/// <summary>
/// The driver's pen on a split ring: writes any number anywhere in its tables and checks nothing, so that a test can make
/// whatever a hostile driver could; reads back what the device wrote.
/// </summary>
public sealed unsafe class SplitRingWriter : RingWriter
{
    private readonly GuestMemoryMap _memory;
    private ushort _taken;

    /// <summary>Takes over the memory of a ring.</summary>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="place">Where the ring lies; each part whole in one region.</param>
    public SplitRingWriter(GuestMemoryMap memory, SplitRingPlace place)
    {
        _memory = memory;
        Place = place;
        Descriptors = memory.At(place.Descriptors);
        Available = memory.At(place.Available);
        Used = memory.At(place.Used);
    }

    /// <summary>Where the ring lies.</summary>
    public SplitRingPlace Place { get; }

    /// <inheritdoc/>
    public override int Size => Place.Size;

    /// <inheritdoc/>
    public override VringAddresses FrontEndAddresses => Place.FrontEndAddresses;

    /// <inheritdoc/>
    public override uint Start => 0;

    /// <summary>The descriptor table in this process.</summary>
    public byte* Descriptors { get; }

    /// <summary>The available ring in this process.</summary>
    public byte* Available { get; }

    /// <summary>The used ring in this process.</summary>
    public byte* Used { get; }

    /// <summary>The available ring's flags.</summary>
    public ref ushort AvailableFlags => ref *(ushort*)Available;

    /// <summary>The driver's event index.</summary>
    public ref ushort UsedEvent => ref *(ushort*)(Available + SplitLayout.UsedEventOffset(Size));

    /// <summary>The used ring's flags, the device's.</summary>
    public ref ushort UsedFlags => ref *(ushort*)Used;

    /// <summary>The device's event index.</summary>
    public ref ushort AvailEvent => ref *(ushort*)(Used + SplitLayout.AvailEventOffset(Size));

    /// <summary>The available index. Writing it publishes what was written before.</summary>
    public ushort AvailableIndex
    {
        get => RingOrder.AcquireIndex((ushort*)Available + 1);
        set => RingOrder.PublishIndex((ushort*)Available + 1, value);
    }

    /// <summary>The used index, the device's. A driver never writes it, a hostile one may.</summary>
    public ushort UsedIndex
    {
        get => RingOrder.AcquireIndex((ushort*)Used + 1);
        set => RingOrder.PublishIndex((ushort*)Used + 1, value);
    }

    /// <summary>Writes a descriptor.</summary>
    /// <param name="index">Its number in the table; must lie in the table.</param>
    /// <param name="address">Any address.</param>
    /// <param name="length">Any length.</param>
    /// <param name="flags">Any flags.</param>
    /// <param name="next">Any index.</param>
    public void Describe(int index, ulong address, uint length, ushort flags = 0, ushort next = 0) =>
        ((Descriptor*)Descriptors)[index] = new Descriptor { Address = address, Length = length, Flags = flags, Next = next };

    /// <summary>Writes a descriptor of an indirect table.</summary>
    /// <param name="table">The table's guest address; the entry may cross regions.</param>
    /// <param name="index">Its number in the table.</param>
    /// <param name="address">Any address.</param>
    /// <param name="length">Any length.</param>
    /// <param name="flags">Any flags.</param>
    /// <param name="next">Any index.</param>
    public void DescribeIndirect(ulong table, int index, ulong address, uint length, ushort flags = 0, ushort next = 0)
    {
        var descriptor = new Descriptor { Address = address, Length = length, Flags = flags, Next = next };
        _memory.Write(table + ((ulong)index * SplitLayout.DescriptorSize), new ReadOnlySpan<byte>(&descriptor, SplitLayout.DescriptorSize));
    }

    /// <summary>Writes a chain of descriptors that follow each other in the table.</summary>
    /// <param name="head">The number of the first one.</param>
    /// <param name="flags">The flags of all of them, beside the one that links them.</param>
    /// <param name="parts">Address and length of each.</param>
    public void DescribeChain(int head, ushort flags, params ReadOnlySpan<(ulong Address, uint Length)> parts)
    {
        for (int i = 0; i < parts.Length; i++)
        {
            bool last = i == parts.Length - 1;
            Describe(head + i, parts[i].Address, parts[i].Length, (ushort)(flags | (last ? 0 : Descriptor.HasNext)), (ushort)(last ? 0 : head + i + 1));
        }
    }

    /// <summary>Writes an entry of the available ring without publishing it.</summary>
    /// <param name="slot">Which entry, modulo the ring's size.</param>
    /// <param name="head">Any descriptor index.</param>
    public void SetAvailable(int slot, ushort head) =>
        ((ushort*)(Available + SplitLayout.EntriesOffset))[slot & (Size - 1)] = head;

    /// <summary>Makes chains available, one after the other, with one write of the index.</summary>
    /// <param name="heads">Any descriptor indexes.</param>
    public void Offer(params ReadOnlySpan<ushort> heads)
    {
        ushort index = AvailableIndex;
        for (int i = 0; i < heads.Length; i++)
            SetAvailable(index + i, heads[i]);
        AvailableIndex = (ushort)(index + heads.Length);
    }

    /// <summary>An entry of the used ring as the device wrote it.</summary>
    /// <param name="index">The free-running index.</param>
    public UsedElement UsedAt(int index) => ((UsedElement*)(Used + SplitLayout.EntriesOffset))[index & (Size - 1)];

    /// <inheritdoc/>
    public override void Post(int buffer, ulong address, uint length, bool deviceWrites)
    {
        Describe(buffer, address, length, deviceWrites ? Descriptor.Write : (ushort)0);
        Offer((ushort)buffer);
    }

    /// <inheritdoc/>
    public override bool TryTakeUsed(out int buffer, out uint written)
    {
        bool any = UsedIndex != _taken;
        var used = any ? UsedAt(_taken) : default;
        buffer = any ? (int)used.Id : -1;
        written = used.Length;
        if (any) _taken++;
        return any;
    }

    /// <summary>Clears the ring: all parts to zero.</summary>
    public void Clear()
    {
        new Span<byte>(Descriptors, (int)SplitLayout.DescriptorTableLength(Size)).Clear();
        new Span<byte>(Available, (int)SplitLayout.AvailableLength(Size)).Clear();
        new Span<byte>(Used, (int)SplitLayout.UsedLength(Size)).Clear();
    }

    /// <summary>Has both sides begin at another index, as if so many chains had gone before.</summary>
    /// <param name="index">The index.</param>
    public void StartAt(ushort index)
    {
        AvailableIndex = index;
        UsedIndex = index;
    }
}
