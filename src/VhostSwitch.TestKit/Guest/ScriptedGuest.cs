using VhostSwitch.Linux;
using VhostSwitch.Virtio;

namespace VhostSwitch.TestKit.Guest;

/// <summary>
/// What a front-end has to hand over: memory in three regions (two that adjoin in guest addresses, one behind a gap), rings in
/// the first, and the descriptors for notifications. It does nothing by itself.
/// </summary>
public sealed class ScriptedGuest : IDisposable
{
    /// <summary>The guest address of the first region.</summary>
    public const ulong LowStart = 0x10_0000;

    /// <summary>The guest address of the region behind the gap: above 4 GiB, as in a large guest.</summary>
    public const ulong HighStart = 0x1_0000_0000;

    private const ulong BufferRegionLength = 1 << 20;

    /// <summary>Makes the guest.</summary>
    /// <param name="options">What it is made of.</param>
    public ScriptedGuest(ScriptedGuestOptions options)
    {
        Options = options;
        Memory = new GuestMemoryMap(options.Name);
        ulong ringsLength = RoundUp((ulong)(2 * options.QueuePairs) * ((26UL * (ulong)options.RingSize) + 512));
        Low = Memory.Add(LowStart, ringsLength, options.Sealed);
        Adjoining = Memory.Add(Low.End, BufferRegionLength, options.Sealed);
        High = Memory.Add(HighStart, BufferRegionLength, options.Sealed);
        Rings = [.. Enumerable.Range(0, 2 * options.QueuePairs).Select(_ => NewRing())];
        Kicks = [.. Rings.Select(_ => EventFd.Create())];
        Calls = [.. Rings.Select(_ => EventFd.Create())];
        Errors = [.. Rings.Select(_ => EventFd.Create())];
    }

    /// <summary>What it is made of.</summary>
    public ScriptedGuestOptions Options { get; }

    /// <summary>The memory.</summary>
    public GuestMemoryMap Memory { get; }

    /// <summary>The region that holds the rings.</summary>
    public GuestMemoryFile Low { get; }

    /// <summary>The region that adjoins <see cref="Low"/> in guest addresses.</summary>
    public GuestMemoryFile Adjoining { get; }

    /// <summary>The region behind the gap.</summary>
    public GuestMemoryFile High { get; }

    /// <summary>The rings: 2i receives, 2i + 1 transmits. All are of one kind.</summary>
    public IReadOnlyList<RingWriter> Rings { get; }

    /// <summary>The driver's notifications, by ring.</summary>
    public IReadOnlyList<FileDescriptor> Kicks { get; }

    /// <summary>The device's notifications, by ring.</summary>
    public IReadOnlyList<FileDescriptor> Calls { get; }

    /// <summary>Where the device tells of a broken ring, by ring.</summary>
    public IReadOnlyList<FileDescriptor> Errors { get; }

    /// <summary>The ring by which a guest with split rings receives.</summary>
    public SplitRingWriter Receive => (SplitRingWriter)Rings[0];

    /// <summary>The ring by which a guest with split rings transmits.</summary>
    public SplitRingWriter Transmit => (SplitRingWriter)Rings[1];

    /// <summary>The ring by which a guest with packed rings receives.</summary>
    public PackedRingWriter PackedReceive => (PackedRingWriter)Rings[0];

    /// <summary>The ring by which a guest with packed rings transmits.</summary>
    public PackedRingWriter PackedTransmit => (PackedRingWriter)Rings[1];

    /// <summary>Bytes of the network header before each frame.</summary>
    public int HeaderLength => NetHeader.LengthFor(Options.Features);

    /// <summary>Notifies the device.</summary>
    /// <param name="ring">The ring.</param>
    public void Kick(int ring) => EventFd.Signal(Kicks[ring].Number);

    /// <inheritdoc/>
    public void Dispose()
    {
        Memory.Dispose();
        foreach (var descriptor in Kicks.Concat(Calls).Concat(Errors))
            descriptor.Dispose();
    }

    private RingWriter NewRing() => (Options.Features & Features.RingPacked) != 0
        ? new PackedRingWriter(Memory, PackedRingPlace.In(Memory, Options.RingSize))
        : new SplitRingWriter(Memory, SplitRingPlace.In(Memory, Options.RingSize));

    private static ulong RoundUp(ulong length) => (length + 4095) & ~4095UL;
}
