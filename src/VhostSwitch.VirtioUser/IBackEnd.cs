using VhostSwitch.Virtio;

namespace VhostSwitch.VirtioUser;

/// <summary>The device behind a driver in user space: what it offers, and how it is given memory and rings. Used in the order of the members.</summary>
internal interface IBackEnd : IDisposable
{
    /// <summary>The features it offers.</summary>
    Features Offered { get; }

    /// <summary>The most queue pairs it has.</summary>
    int MaxPairs { get; }

    /// <summary>Settles what both sides use.</summary>
    /// <param name="features">Some of <see cref="Offered"/>.</param>
    /// <param name="rings">The places of the rings.</param>
    /// <param name="pairs">How many queue pairs will be started.</param>
    /// <exception cref="VirtioUserException">It refuses, or broke the protocol.</exception>
    void Negotiate(Features features, DriverRings rings, int pairs);

    /// <summary>Hands memory and rings over and starts them.</summary>
    /// <param name="memory">The memory of rings and buffers.</param>
    /// <param name="rings">The places of the rings.</param>
    /// <param name="positions">By ring: where it begins, as SET_VRING_BASE takes it.</param>
    /// <param name="enabled">How many queue pairs, from the first, are enabled at once.</param>
    /// <exception cref="VirtioUserException">It refuses, or broke the protocol.</exception>
    void Start(DriverMemory memory, DriverRings rings, ReadOnlySpan<uint> positions, int enabled);

    /// <summary>Enables a queue pair or disables it.</summary>
    /// <param name="pair">The pair.</param>
    /// <param name="enabled">Which of the two.</param>
    /// <exception cref="VirtioUserException">It refuses, or broke the protocol.</exception>
    void Enable(int pair, bool enabled);

    /// <summary>Stops the rings.</summary>
    /// <exception cref="VirtioUserException">It does not answer; then it has stopped as well.</exception>
    void Stop();
}
