namespace VhostSwitch.Testpmd;

/// <summary>What was asked for cannot be done. The message is a sentence for the user.</summary>
internal sealed class TestpmdException : Exception
{
    /// <summary>Makes the exception.</summary>
    /// <param name="message">What was asked for, and what to ask for instead.</param>
    public TestpmdException(string message)
        : base(message)
    {
    }
}
