namespace VhostSwitch.TestKit.Protocol;

/// <summary>The back-end did something else than the script expects.</summary>
/// <param name="message">One sentence.</param>
public sealed class FrontEndScriptException(string message) : Exception(message);
