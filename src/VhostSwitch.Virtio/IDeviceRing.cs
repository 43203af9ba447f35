namespace VhostSwitch.Virtio;

/// <summary>
/// The device side of a ring as the data path uses it, burst by burst. Implementations are structs, so that a data path that
/// is generic over them is compiled once for each and every call is direct. One thread at a time uses a ring.
/// </summary>
/// <remarks>
/// A burst goes: <see cref="Available"/>, <see cref="Peek"/> for each chain (and <see cref="Follow"/> for its further
/// descriptors), <see cref="Use"/> for each chain in the order they were peeked, <see cref="Publish{TLog}"/>, then the question
/// whether to notify. Where chains of a single descriptor follow each other, <see cref="PeekBurst"/> and <see cref="UseBurst"/> do the
/// same for many of them at a time.
/// </remarks>
public interface IDeviceRing
{
    /// <summary>The number of entries.</summary>
    int Size { get; }

    /// <summary>True where the entries of an indirect table follow each other by position, false where each names its successor.</summary>
    static abstract bool TablesAreSequential { get; }

    /// <summary>
    /// How many chains may be peeked, at most <paramref name="max"/>: 0 when none is available, otherwise a number that is not
    /// too small (only <see cref="Peek"/> knows better); -1 when the driver broke the rules, told by <see cref="Fault"/>.
    /// </summary>
    /// <param name="max">The most chains wanted.</param>
    int Available(int max);

    /// <summary>Copies the first descriptor of an available chain, once.</summary>
    /// <param name="i">Which of the available chains, from 0: one peeked before, or the one after the last.</param>
    /// <param name="first">The copy.</param>
    /// <returns>The chain's id for <see cref="Use"/>; -1 when there is none after all or the driver broke the rules, told by <see cref="Fault"/>.</returns>
    int Peek(int i, out Descriptor first);

    /// <summary>
    /// Copies the descriptors of available chains, each once, up to the first chain that has more than one or breaks the rules: that one goes by
    /// <see cref="Peek"/>.
    /// </summary>
    /// <param name="first">Which of the available chains to begin with, as for <see cref="Peek"/>.</param>
    /// <param name="into">Receives them, each with its id.</param>
    /// <param name="most">The most wanted; no more than <see cref="Available"/> has said there are.</param>
    /// <returns>How many were copied.</returns>
    unsafe int PeekBurst(int first, PeekedBuffer* into, int most);

    /// <summary>Prepares the return of chains, each with what was written into it. The driver sees them after <see cref="Publish{TLog}"/>.</summary>
    /// <param name="first">How many chains were prepared since the last <see cref="Publish{TLog}"/>.</param>
    /// <param name="buffers">The chains, in the order they were peeked.</param>
    /// <param name="count">How many.</param>
    unsafe void UseBurst(int first, PeekedBuffer* buffers, int count);

    /// <summary>Copies the descriptor that follows in the chain that was peeked last, once.</summary>
    /// <param name="descriptor">A descriptor with <see cref="Descriptor.HasNext"/>; replaced by its successor.</param>
    /// <returns>False when the successor is out of range, told by <see cref="Fault"/>.</returns>
    bool Follow(ref Descriptor descriptor);

    /// <summary>Prepares the return of a chain. The driver sees it after <see cref="Publish{TLog}"/>.</summary>
    /// <param name="i">How many chains were prepared since the last <see cref="Publish{TLog}"/>.</param>
    /// <param name="id">What <see cref="Peek"/> returned.</param>
    /// <param name="written">How many bytes were written into the chain, from its start.</param>
    void Use(int i, int id, uint written);

    /// <summary>Hands the prepared chains back, all at once.</summary>
    /// <typeparam name="TLog">The log's kind.</typeparam>
    /// <param name="count">How many were prepared; the same number is taken from the available ones.</param>
    /// <param name="log">Hears of what is written to the ring.</param>
    void Publish<TLog>(int count, ref TLog log)
        where TLog : struct, IWriteLog;

    /// <summary>True when the driver wants a notification for what was published since the last one. Decides nothing when it says no.</summary>
    bool WantsCall();

    /// <summary>Remembers that the driver was told, or did not want to be told when asked behind a fence.</summary>
    void CallDecided();

    /// <summary>True when <see cref="Publish{TLog}"/> was called since the last <see cref="CallDecided"/>.</summary>
    bool CallUndecided { get; }

    /// <summary>Asks the driver for a kick with its next buffer. A fence and a look at <see cref="HasAvailable"/> must follow.</summary>
    /// <typeparam name="TLog">The log's kind.</typeparam>
    /// <param name="log">Hears of what is written to the ring.</param>
    void EnableKicks<TLog>(ref TLog log)
        where TLog : struct, IWriteLog;

    /// <summary>Asks the driver not to kick.</summary>
    /// <typeparam name="TLog">The log's kind.</typeparam>
    /// <param name="log">Hears of what is written to the ring.</param>
    void DisableKicks<TLog>(ref TLog log)
        where TLog : struct, IWriteLog;

    /// <summary>Looks, without any other effect, whether a chain is available or the ring is at fault.</summary>
    bool HasAvailable();

    /// <summary>The word of the ring that the driver changes when it makes the next buffer available.</summary>
    /// <param name="value">What the word is as long as it does not.</param>
    /// <returns>Null where a buffer is available.</returns>
    unsafe ushort* Arrivals(out ushort value);

    /// <summary>How the driver broke the rules.</summary>
    RingFault Fault { get; }

    /// <summary>The number that belongs to <see cref="Fault"/>.</summary>
    ulong FaultDetail { get; }

    /// <summary>Marks the ring as broken; the first fault stays.</summary>
    /// <param name="fault">How the rules were broken.</param>
    /// <param name="detail">The offending number.</param>
    void Break(RingFault fault, ulong detail);

    /// <summary>The number GET_VRING_BASE answers: where the ring goes on.</summary>
    uint Base { get; }
}

/// <summary>The calls of a ring whose writes nobody logs.</summary>
public static class DeviceRings
{
    /// <inheritdoc cref="IDeviceRing.Publish{TLog}"/>
    public static void Publish<TRing>(ref this TRing ring, int count)
        where TRing : struct, IDeviceRing
    {
        var log = default(NoLog);
        ring.Publish(count, ref log);
    }

    /// <inheritdoc cref="IDeviceRing.EnableKicks{TLog}"/>
    public static void EnableKicks<TRing>(ref this TRing ring)
        where TRing : struct, IDeviceRing
    {
        var log = default(NoLog);
        ring.EnableKicks(ref log);
    }

    /// <inheritdoc cref="IDeviceRing.DisableKicks{TLog}"/>
    public static void DisableKicks<TRing>(ref this TRing ring)
        where TRing : struct, IDeviceRing
    {
        var log = default(NoLog);
        ring.DisableKicks(ref log);
    }
}
