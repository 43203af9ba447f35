namespace VhostSwitch.Control.CommandLine;

/// <summary>What <c>--file-prefix</c> may be: it becomes a part of a file name.</summary>
internal static class FilePrefix
{
    /// <summary>Refuses what is no name.</summary>
    /// <param name="prefix">The prefix.</param>
    /// <exception cref="CommandLineException">It is empty, a dot name, or leads into another directory.</exception>
    public static void Check(string prefix)
    {
        if (prefix is "" or "." or ".." || prefix.AsSpan().ContainsAny('/', '%', '\0'))
            throw new CommandLineException($"Invalid argument for --file-prefix: '{prefix}' was given, a name without '/' and '%' is allowed");
    }
}
