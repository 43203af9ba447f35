namespace VhostSwitch.Virtio;

/// <summary>
/// Hears of everything the device side writes into guest memory, so that a live migration copies it again. A type argument of
/// the data path: <see cref="NoLog"/> costs nothing.
/// </summary>
public unsafe interface IWriteLog
{
    /// <summary>Notes bytes that were written. They reach the log with <see cref="Flush"/>.</summary>
    /// <param name="at">The first byte, in this process.</param>
    /// <param name="length">How many bytes.</param>
    void Written(byte* at, ulong length);

    /// <summary>
    /// Hears of each store that decides what a back-end finds which comes after this one died: to the used part of a ring, and to
    /// inflight memory. There is nothing to do then; a test dies here.
    /// </summary>
    void Stored();

    /// <summary>Brings what was noted into the log. Called after the writes, once a burst.</summary>
    void Flush();
}

/// <summary>Nobody wants to know.</summary>
public readonly unsafe struct NoLog : IWriteLog
{
    /// <inheritdoc/>
    public void Written(byte* at, ulong length)
    {
    }

    /// <inheritdoc/>
    public void Stored()
    {
    }

    /// <inheritdoc/>
    public void Flush()
    {
    }
}
