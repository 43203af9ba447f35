namespace VhostSwitch.Control.Ovsdb;

/// <summary>The database cannot be reached, or does not do what is asked. The message is one sentence for the user.</summary>
public sealed class OvsdbException : Exception
{
    /// <summary>Makes the exception.</summary>
    /// <param name="message">What is wrong.</param>
    public OvsdbException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="message">What is wrong.</param>
    /// <param name="inner">What the system said.</param>
    public OvsdbException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
