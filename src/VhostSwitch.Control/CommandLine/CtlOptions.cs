namespace VhostSwitch.Control.CommandLine;

/// <summary>What <c>vhost-switch ctl</c> shall ask.</summary>
/// <param name="Socket">The control socket; null to look at the default places.</param>
/// <param name="FilePrefix">The name of the switch among several, for the default places.</param>
/// <param name="TimeoutSeconds">How long to wait for an answer, in seconds.</param>
/// <param name="Command">The command's name.</param>
/// <param name="Arguments">Its arguments.</param>
public sealed record CtlOptions(string? Socket, string FilePrefix, int TimeoutSeconds, string Command, IReadOnlyList<string> Arguments)
{
    /// <summary>The default of <see cref="TimeoutSeconds"/>: far longer than a switch takes that is well.</summary>
    public const int DefaultTimeoutSeconds = 10;
}
