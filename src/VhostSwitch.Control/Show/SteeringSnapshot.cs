namespace VhostSwitch.Control.Show;

/// <summary>Who sorts the uplink's frames into the pools of vmdq mode.</summary>
/// <param name="By"><c>hardware</c> where the interface has a rule for every pool, else <c>software</c>.</param>
/// <param name="Reason">What the interface does, or why it does not.</param>
public sealed record SteeringSnapshot(string By, string Reason);
