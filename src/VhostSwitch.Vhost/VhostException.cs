namespace VhostSwitch.Vhost;

/// <summary>A front-end's request was refused. The message is one sentence for the port's status and the log.</summary>
/// <param name="message">What was wrong, with the offending numbers.</param>
public sealed class VhostException(string message) : Exception(message);
