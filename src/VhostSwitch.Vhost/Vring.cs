using VhostSwitch.Linux;
using VhostSwitch.Virtio.Packed;

namespace VhostSwitch.Vhost;

/// <summary>
/// What a front-end has told about one ring. Started and enabled are two independent states (vhost-user, "Ring states").
/// The control thread alone reads and writes it; the data path gets its own copy when the ring starts to run.
/// </summary>
public sealed class Vring : IDisposable
{
    internal Vring(int index) => Index = index;

    /// <summary>The ring's number: 2i is the guest's receive ring of pair i, 2i + 1 its transmit ring.</summary>
    public int Index { get; }

    /// <summary>True for a ring by which the guest receives.</summary>
    public bool IsGuestReceive => Index % 2 == 0;

    /// <summary>The number of entries; 0 until SET_VRING_NUM.</summary>
    public int Size { get; internal set; }

    /// <summary>Where the ring goes on, as SET_VRING_BASE said or as the data path left it: a split ring's next available entry, of a packed ring both positions.</summary>
    public uint Base { get; internal set; }

    /// <summary>
    /// The position a packed ring goes on from. A device that uses buffers in order stops with both of <see cref="Base"/>'s halves
    /// equal; where they differ, what lies between was taken and not used. DPDK's front-end leaves the upper half, the used one, 0.
    /// </summary>
    public PackedPosition PackedBase => new((ushort)(Base >> 16 != 0 ? Base >> 16 : Base));

    /// <summary>The parts' addresses as the front-end sees them; null until SET_VRING_ADDR.</summary>
    public VringAddresses? Addresses { get; internal set; }

    /// <summary>True where <see cref="Base"/> is the front-end's word, which may be older than the ring; false where our own data path left it.</summary>
    public bool BaseIsRemembered { get; internal set; }

    /// <summary>Where a reset found the ring: what GET_VRING_BASE answers while it is not set up anew. Null otherwise.</summary>
    public uint? BaseAtReset { get; internal set; }

    /// <summary>SET_VRING_KICK came, and no GET_VRING_BASE since.</summary>
    public bool Started { get; internal set; }

    /// <summary>SET_VRING_ENABLE 1 came, or SET_FEATURES without protocol features.</summary>
    public bool Enabled { get; internal set; }

    /// <summary>The guest's notifications; null where the ring must be polled.</summary>
    public FileDescriptor? Kick { get; internal set; }

    /// <summary>Our notifications to the guest; null where it polls.</summary>
    public FileDescriptor? Call { get; internal set; }

    /// <summary>Where to tell the front-end of a broken ring; null where it does not want to know.</summary>
    public FileDescriptor? Error { get; internal set; }

    /// <summary>True while the data path may touch the ring.</summary>
    public bool Running { get; internal set; }

    /// <summary>Where its parts are, while it runs.</summary>
    public RingParts Parts { get; internal set; }

    /// <summary>Where its queue notes what its guest's IOMMU has to answer; null without one.</summary>
    internal IotlbMiss? Miss { get; set; }

    /// <summary>Why a ring that is started does not run; null where it runs or is not started.</summary>
    public string? Obstacle { get; internal set; }

    /// <summary>How its driver broke the rules; null while it has not. The ring stays out of use until it is stopped and set up anew.</summary>
    public string? Broken { get; internal set; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Kick?.Dispose();
        Call?.Dispose();
        Error?.Dispose();
        Kick = Call = Error = null;
    }

    /// <summary>Forgets how the ring was set up, all but where to notify.</summary>
    internal void Reset()
    {
        if (Started) BaseAtReset = Base;
        Size = 0;
        Base = 0;
        BaseIsRemembered = false;
        Addresses = null;
        Started = false;
        Enabled = false;
        Obstacle = null;
        Broken = null;
        Kick?.Dispose();
        Kick = null;
    }
}

/// <summary>Where the parts of a ring are, in addresses of the front-end process.</summary>
/// <param name="Descriptor">The descriptor table.</param>
/// <param name="Available">The available ring.</param>
/// <param name="Used">The used ring.</param>
/// <param name="UsedLog">The guest-physical address under which writes to the used ring are logged; null where they are not to be.</param>
public readonly record struct VringAddresses(ulong Descriptor, ulong Available, ulong Used, ulong? UsedLog = null);
