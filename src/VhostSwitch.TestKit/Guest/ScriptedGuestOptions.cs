using VhostSwitch.Virtio;

namespace VhostSwitch.TestKit.Guest;

/// <summary>What a <see cref="ScriptedGuest"/> is made of.</summary>
public sealed record ScriptedGuestOptions
{
    /// <summary>
    /// What a guest that takes all that is offered leaves out: buffers used in order and addresses that want translation, for which
    /// these guests are not made, and packed rings, which are another guest.
    /// </summary>
    public const Features NotSpoken = Features.RingPacked | Features.InOrder | Features.AccessPlatform | Features.LogAll;

    /// <summary>A name for <c>/proc/self/maps</c>.</summary>
    public string Name { get; init; } = "test-guest";

    /// <summary>Queue pairs.</summary>
    public int QueuePairs { get; init; } = 1;

    /// <summary>Entries of each ring.</summary>
    public int RingSize { get; init; } = 256;

    /// <summary>The features the driver takes. With <see cref="Features.RingPacked"/> its rings are packed ones.</summary>
    public Features Features { get; init; } = Features.Version1 | Features.ProtocolFeatures;

    /// <summary>False for memory files that can be made shorter while they are mapped.</summary>
    public bool Sealed { get; init; } = true;
}
