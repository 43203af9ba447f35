namespace VhostSwitch.Control.CommandLine;

/// <summary>
/// The command line cannot be carried out. The message is one sentence for the user; the exit code is
/// <see cref="ExitCode.BadCommandLine"/>.
/// </summary>
public sealed class CommandLineException : Exception
{
    /// <summary>Makes the exception.</summary>
    /// <param name="message">What was given and what to give instead.</param>
    public CommandLineException(string message)
        : base(message)
    {
    }

    /// <summary>The exception for an option that DPDK has and this switch does not have yet.</summary>
    /// <param name="given">The option as it was given, with its value.</param>
    /// <param name="reason">What is missing, or what to do instead.</param>
    internal static CommandLineException NotBuilt(string given, string reason) => new($"{given} is not built yet: {reason}");
}
