namespace VhostSwitch.Control.Unixctl;

/// <summary>One command of a control socket.</summary>
/// <param name="Name">Its name, for example <c>fdb/show</c>.</param>
/// <param name="Usage">Its arguments, for <c>list-commands</c>; may be empty.</param>
/// <param name="MinArguments">The fewest arguments.</param>
/// <param name="MaxArguments">The most arguments.</param>
/// <param name="Handler">
/// Makes the answer from the arguments, on a thread of the thread pool, for several connections at once. Throws
/// <see cref="UnixctlCommandException"/> to refuse.
/// </param>
public sealed record UnixctlCommand(string Name, string Usage, int MinArguments, int MaxArguments, Func<string[], ValueTask<string>> Handler);
