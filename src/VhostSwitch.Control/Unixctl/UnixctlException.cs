namespace VhostSwitch.Control.Unixctl;

/// <summary>A control socket cannot be made, cannot be reached, or does not speak the protocol. The message is one sentence for the user.</summary>
public class UnixctlException : Exception
{
    /// <summary>Makes the exception.</summary>
    /// <param name="message">What is wrong and what to change.</param>
    public UnixctlException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="message">What is wrong and what to change.</param>
    /// <param name="inner">What the system said.</param>
    public UnixctlException(string message, Exception inner)
        : base(message, inner)
    {
    }
}

/// <summary>None of the default places takes a control socket: no right to make one there.</summary>
/// <param name="message">What was tried and what to change.</param>
public sealed class NoControlSocketException(string message) : UnixctlException(message);

/// <summary>A command was understood and refused. On the server the message becomes the error reply; the client throws it again.</summary>
public sealed class UnixctlCommandException : Exception
{
    /// <summary>Makes the exception.</summary>
    /// <param name="message">Why it was refused.</param>
    public UnixctlCommandException(string message)
        : base(message)
    {
    }
}
