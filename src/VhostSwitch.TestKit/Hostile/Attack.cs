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

    /// <summary>Nothing is to be seen of it; the connection goes on.</summary>
    Tolerated,
}

/// <summary>One way to break the rules.</summary>
/// <param name="Name">A few words; unique. The name of a published flaw where it is one.</param>
/// <param name="Outcome">What a sound back-end does about it.</param>
/// <param name="Run">Does it.</param>
public sealed record Attack(string Name, AttackOutcome Outcome, Action<HostileFrontEnd> Run)
{
    /// <inheritdoc/>
    public override string ToString() => Name;
}
