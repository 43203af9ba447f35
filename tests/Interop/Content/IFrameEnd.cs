namespace VhostSwitch.Interop.Content;

/// <summary>A guest in this process that sends and receives single frames. One thread at a time.</summary>
internal interface IFrameEnd : IDisposable
{
    int QueuePairs { get; }

    /// <summary>Sends a frame by one of the queue pairs.</summary>
    /// <param name="parts">Into how many buffers it is to be divided; an end that cannot sends it whole.</param>
    /// <returns>False when there is no room now.</returns>
    bool TrySend(int pair, ReadOnlySpan<byte> frame, int parts);

    /// <summary>Takes a frame that has come in by one of the queue pairs.</summary>
    /// <returns>Its length; -1 when there is none.</returns>
    int TryReceive(int pair, Span<byte> frame);

    /// <summary>Gives the processor away until something may have come in.</summary>
    void Wait();
}
