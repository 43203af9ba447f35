using VhostSwitch.Virtio;

namespace VhostSwitch.TestKit.Hostile;

/// <summary>What a sound back-end does about an attack. In every case all other guests go on as if nothing were.</summary>
public enum AttackOutcome
{
    /// <summary>It closes the connection.</summary>
    Disconnected,

    /// <summary>It says no, and the connection goes on.</summary>
    Refused,

    /// <summary>It does not use the ring that was set up.</summary>
    NotStarted,

    /// <summary>It stops using the ring for good.</summary>
    RingBroken,

    /// <summary>It drops the frame and counts it.</summary>
    FrameDropped,

    /// <summary>It drops the frame that others sent to the guest, and counts it.</summary>
    ReceiveDropped,

    /// <summary>Nothing is to be seen of it; the connection goes on.</summary>
    Tolerated,

    /// <summary>A race, after which the ring runs or is broken; the connection goes on.</summary>
    Raced,
}

/// <summary>One way to break the rules.</summary>
/// <param name="Name">A few words; unique. The name of a published flaw where it is one.</param>
/// <param name="Outcome">What a sound back-end does about it.</param>
/// <param name="Run">Does it.</param>
public sealed record Attack(string Name, AttackOutcome Outcome, Action<HostileFrontEnd> Run)
{
    /// <summary>Features that the attack's guest must take beside those every guest takes.</summary>
    public Features With { get; init; }

    /// <summary>Features that the attack's guest must not take.</summary>
    public Features Without { get; init; }

    /// <summary>True where it takes thousands of messages or frames: too long to be repeated thousands of times itself.</summary>
    public bool IsLong { get; init; }

    /// <summary>The features of the attack's guest.</summary>
    /// <param name="usual">What it would take for another attack.</param>
    public Features FeaturesOf(Features usual) => (usual & ~Without) | With;

    /// <inheritdoc/>
    public override string ToString() => Name;
}
