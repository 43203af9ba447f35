namespace VhostSwitch.Control.FileConfiguration;

/// <summary>A configuration cannot be read, carried out or kept. The message is for the user, with the place and what to change.</summary>
public sealed class ConfigException : Exception
{
    /// <summary>Makes the exception.</summary>
    /// <param name="message">What is wrong, where, and what is allowed.</param>
    public ConfigException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the exception.</summary>
    /// <param name="message">What is wrong, where, and what is allowed.</param>
    /// <param name="inner">What the system said.</param>
    public ConfigException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
