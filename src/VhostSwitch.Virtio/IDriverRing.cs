namespace VhostSwitch.Virtio;

/// <summary>One buffer of a chain: an address as the device knows it, and a length in bytes.</summary>
/// <param name="Address">The guest-physical address.</param>
/// <param name="Length">The length in bytes.</param>
/// <param name="Writable">True where the device writes it. Readable buffers come before writable ones (VIRTIO 1.2, 2.7.4.2).</param>
public readonly record struct RingBuffer(ulong Address, uint Length, bool Writable);

/// <summary>One buffer to be posted as a chain of its own.</summary>
public struct BufferToPost
{
    /// <summary>The guest-physical address.</summary>
    public ulong Address;

    /// <summary>The length in bytes.</summary>
    public uint Length;

    /// <summary>The caller's number for it, told when it comes back.</summary>
    public ushort Token;
}

/// <summary>One chain that has come back.</summary>
public struct TakenChain
{
    /// <summary>How many bytes the device says it wrote; never more than was posted for writing.</summary>
    public uint Written;

    /// <summary>The caller's number for the chain.</summary>
    public ushort Token;
}

/// <summary>
/// The driver side of a ring as queues use it, burst by burst. Implementations are structs, so that a queue that is generic
/// over them is compiled once for each and every call is direct. One thread at a time uses a ring.
/// </summary>
/// <remarks>
/// <para>
/// A burst goes: <see cref="PostBurst"/>, <see cref="Post"/> or <see cref="PostChain"/>, one <see cref="Publish"/>, a fence,
/// then the question <see cref="WantsKick"/>; the other way <see cref="TakeBurst"/>.
/// </para>
/// <para>
/// The device can write all of the shared memory at any moment: what was posted is remembered in private memory, and of the
/// shared memory only what the device says it used is read, each field once, and checked. Nothing is allocated after
/// construction.
/// </para>
/// <para>
/// Where <see cref="Features.InOrder"/> is negotiated, a device may return many chains with one used entry, for the last of
/// them. The others count as used whole: as much written as was posted for writing (2.7.9, 2.8.8), which is 0 in a
/// transmit queue.
/// </para>
/// </remarks>
public interface IDriverRing
{
    /// <summary>The number of entries.</summary>
    int Size { get; }

    /// <summary>How many descriptors are free.</summary>
    int Free { get; }

    /// <summary>How many published chains have not been taken back.</summary>
    int Pending { get; }

    /// <summary>How the device broke the rules.</summary>
    DriverRingFault Fault { get; }

    /// <summary>The number that belongs to <see cref="Fault"/>.</summary>
    ulong FaultDetail { get; }

    /// <summary>True when <see cref="Publish"/> made something available since the last <see cref="KickDecided"/>.</summary>
    bool KickUndecided { get; }

    /// <summary>
    /// Prepares buffers, each as a chain of its own. The device sees them after <see cref="Publish"/>. The same as so many
    /// <see cref="Post"/>, at half the cost: the ring's state stays in registers.
    /// </summary>
    /// <param name="buffers">The buffers.</param>
    /// <param name="writable">True where the device writes them.</param>
    /// <returns>How many were prepared: fewer than given when no descriptor is free, 0 when the ring is broken.</returns>
    int PostBurst(ReadOnlySpan<BufferToPost> buffers, bool writable);

    /// <summary>Prepares one buffer as a chain of its own. The device sees it after <see cref="Publish"/>.</summary>
    /// <param name="address">The guest-physical address.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="writable">True where the device writes it.</param>
    /// <param name="token">The caller's number for it.</param>
    /// <returns>The chain's id, as the device tells it when the chain comes back; -1 when no descriptor is free or the ring is broken.</returns>
    int Post(ulong address, uint length, bool writable, ushort token = 0);

    /// <summary>Prepares a chain. The device sees it after <see cref="Publish"/>.</summary>
    /// <param name="buffers">One to <see cref="Size"/> buffers, readable ones before writable ones.</param>
    /// <param name="token">The caller's number for the chain.</param>
    /// <returns>The chain's id; -1 when not enough descriptors are free or the ring is broken.</returns>
    int PostChain(ReadOnlySpan<RingBuffer> buffers, ushort token = 0);

    /// <summary>Makes all prepared chains available with one ordered write.</summary>
    void Publish();

    /// <summary>
    /// True when the device wants a kick for what was published since the last decision; always for the first. A "no" counts
    /// only when <see cref="RingOrder.FenceBeforeNotifyCheck"/> was called after <see cref="Publish"/> (2.7.13.4.1, 2.8.21.3.1).
    /// </summary>
    bool WantsKick();

    /// <summary>Remembers that the device was kicked, or did not want to be when asked behind a fence.</summary>
    void KickDecided();

    /// <summary>Takes back the chains that have come back and frees their descriptors.</summary>
    /// <param name="into">Receives them in the device's order.</param>
    /// <returns>How many; after fewer than there is room for, <see cref="Fault"/> may tell of an entry that breaks the rules.</returns>
    int TakeBurst(Span<TakenChain> into);

    /// <summary>Asks the device for a call with the next chain that comes back. A fence and a look at <see cref="HasUsed"/> must follow.</summary>
    void EnableCalls();

    /// <summary>Asks the device not to call.</summary>
    void DisableCalls();

    /// <summary>Looks, without any other effect, whether a chain has come back or the ring is at fault.</summary>
    bool HasUsed();

    /// <summary>
    /// Where the ring goes on with another device that takes it over, what is outstanding included. The former device does not use it any more;
    /// the next kick is due whatever was decided before.
    /// </summary>
    /// <param name="position">The position, as SET_VRING_BASE takes it.</param>
    /// <returns>
    /// False where the ring must be made anew: it is at fault, or it is a packed one, in which a device that was interrupted leaves no place to
    /// go on from.
    /// </returns>
    bool TryContinue(out uint position);

    /// <summary>Marks the ring as broken; the first fault stays.</summary>
    /// <param name="fault">How the rules were broken.</param>
    /// <param name="detail">The offending number.</param>
    void Break(DriverRingFault fault, ulong detail);
}

/// <summary>What a driver remembers of an outstanding chain by its id; 0 descriptors where there is none. 8 bytes: one load.</summary>
internal readonly struct OutstandingChain(uint writable, ushort descriptors, ushort token)
{
    /// <summary>How many bytes the device may write.</summary>
    public readonly uint Writable = writable;

    /// <summary>How many descriptors the chain takes.</summary>
    public readonly ushort Descriptors = descriptors;

    /// <summary>The caller's number for the chain.</summary>
    public readonly ushort Token = token;
}
