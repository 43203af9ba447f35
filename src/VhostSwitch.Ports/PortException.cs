namespace VhostSwitch.Ports;

/// <summary>A device cannot be made, or not with these arguments. The message is one sentence for the user: what, why, what to do.</summary>
/// <param name="message">The sentence.</param>
public sealed class PortException(string message) : Exception(message);
